"""How auth answers: never stored, and refusals in one shape."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bedside.auth.refusals import OAuthRefused

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


def unauthorized(error: str = "invalid_token") -> Response:
    """For our own protected resources. https://www.rfc-editor.org/rfc/rfc6750#section-3"""
    status = 403 if error == "insufficient_scope" else 401
    headers = NO_STORE | {"WWW-Authenticate": f'Bearer realm="bedside", error="{error}"'}
    return JSONResponse({"error": error}, status, headers=headers)


def problem(status: int, text: str, *, retry_after_s: int | None = None) -> Response:
    """For our APIs that are not OAuth's. https://www.rfc-editor.org/rfc/rfc9457"""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": text}
    headers = NO_STORE | ({"Retry-After": str(retry_after_s)} if retry_after_s is not None else {})
    return JSONResponse(content, status, headers=headers, media_type="application/problem+json")
