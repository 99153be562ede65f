"""How auth answers: never stored, and refusals in one shape."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bedside.auth.refusals import OAuthRefused
from bedside.identity import Refused

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def refusal(refused: OAuthRefused) -> Response:
    """https://www.rfc-editor.org/rfc/rfc6749#section-5.2"""
    headers = dict(NO_STORE)
    if refused.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="bedside"'
    return JSONResponse(
        {"error": refused.error, "error_description": refused.description}, refused.status, headers=headers
    )


async def refused_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, OAuthRefused), "registered for OAuthRefused only"
    return refusal(error)


def unauthorized(refused: Refused | str) -> Response:
    """For our own protected resources; a string is the error of a good token. RFC 6750, section 3"""
    error = refused if isinstance(refused, str) else refused.error
    challenge = f'Bearer realm="bedside", error="{error}"'
    if isinstance(refused, Refused):
        challenge = refused.challenge("bedside")
    status = 403 if error == "insufficient_scope" else 401
    return JSONResponse({"error": error}, status, headers=NO_STORE | {"WWW-Authenticate": challenge})


def problem(status: int, text: str, *, retry_after_s: int | None = None) -> Response:
    """For our APIs that are not OAuth's. https://www.rfc-editor.org/rfc/rfc9457"""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": text}
    headers = NO_STORE | ({"Retry-After": str(retry_after_s)} if retry_after_s is not None else {})
    return JSONResponse(content, status, headers=headers, media_type="application/problem+json")
