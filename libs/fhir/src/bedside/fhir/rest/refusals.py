"""The one place that knows status codes: every refusal, and every failure, as an OperationOutcome."""

import traceback

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bedside.events.database import Busy, Unavailable
from bedside.fhir import exact_json
from bedside.fhir.outcome import Issue, Refused, operation_outcome
from bedside.identity import Refused as TokenRefused
from bedside.identity import Unreachable as IssuerUnreachable

_log = structlog.get_logger()
_RETRY_AFTER_S = "2"
_TEXTS = {
    404: Issue("not-found", "there is nothing at this address"),
    405: Issue("not-supported", "the method is not supported at this address"),
}


def outcome(status: int, *issues: Issue, headers: dict[str, str] | None = None) -> Response:
    """An OperationOutcome as a response."""
    return Response(exact_json.emit(operation_outcome(issues)), status, headers, media_type="application/fhir+json")


def refusal(error: Exception) -> Response | None:
    """None when the exception is no refusal: then it is our bug."""
    match error:
        case Refused():
            headers = {"retry-after": _RETRY_AFTER_S} if error.status in (429, 503) else None
            return outcome(error.status, *error.issues, headers=headers)
        case TokenRefused():
            return unauthenticated(error)
        case Busy():
            issue = Issue("lock-error", "others were writing the same resources; try again")
            return outcome(503, issue, headers={"retry-after": "1"})
        case Unavailable() | IssuerUnreachable():
            issue = Issue("transient", "a part of the system does not answer; try again later")
            return outcome(503, issue, headers={"retry-after": _RETRY_AFTER_S})
        case HTTPException():
            issue = _TEXTS.get(error.status_code, Issue("processing", "the request cannot be processed"))
            return outcome(error.status_code, issue, headers=dict(error.headers or {}))
    return None


def unauthenticated(error: TokenRefused) -> Response:
    """401."""
    return outcome(
        401,
        Issue("login", "a valid access token is needed"),
        headers={"www-authenticate": error.challenge("fhir")},
    )


async def refused(request: Request, error: Exception) -> Response:
    """For Starlette's table of exception handlers."""
    response = refusal(error)
    if response is not None:
        return response
    # The text of an error may hold what was sent; where it arose cannot.
    where = [f"{frame.name} {frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    _log.error("broken_invariant", error=type(error).__name__, method=request.method, where=where[-12:])
    return outcome(500, Issue("exception", "an error of ours; it was recorded"))
