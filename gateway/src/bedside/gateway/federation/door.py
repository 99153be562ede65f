"""Who comes in: the token is checked here before anything is asked of an owner."""

from starlette.responses import Response
from starlette.types import Scope

from bedside.fhir.outcome import Issue
from bedside.gateway.federation.refusals import outcome
from bedside.identity import Caller, Guard, LoginRefused, Refused, Unreachable, Verifier


class NotAdmitted(Exception):
    """Carries the answer that the caller gets instead."""

    def __init__(self, response: Response) -> None:
        super().__init__("not admitted")
        self.response = response


class Door:
    def __init__(self, verifier: Verifier) -> None:
        self._guard = Guard(verifier)

    async def caller(self, scope: Scope) -> tuple[str, Caller]:
        """The bearer token as it was sent, and whose it is. NotAdmitted otherwise: with 401, or with 503 when nobody
        can tell."""
        try:
            admitted = await self._guard.admit(scope)
        except Refused as refused:
            raise NotAdmitted(_not_admitted(refused)) from refused
        except Unreachable as problem:
            issue = Issue("transient", "Who may call cannot be told at the moment; try again later.")
            raise NotAdmitted(outcome(503, [issue], {"Retry-After": "2"})) from problem
        return admitted.bearer, admitted.caller


def permitted(caller: Caller, method: str, type_name: str, rest: str) -> bool:
    """Whether any scope could allow it. The owner decides for good: this spares it what is surely refused.

    `rest` is the path after the type, without a leading slash.
    """
    return any(caller.may(letter, type_name) for letter in _letters(method, rest))


def forbidden(type_name: str, at: str | None = None) -> Issue:
    return Issue("forbidden", f"The token's scopes do not allow this interaction on {type_name}.", at)


def exchange_refused(problem: LoginRefused) -> Response:
    """What a caller is told whose token auth would not exchange for the owner's."""
    if problem.error == "invalid_scope":
        return outcome(403, [Issue("forbidden", "The token's scopes do not reach the service that owns this.")])
    return _unauthorized("The access token was refused.", 'Bearer error="invalid_token"')


def _not_admitted(refused: Refused) -> Response:
    text = "A bearer token is needed." if refused.reason == "absent" else "The access token was refused."
    return _unauthorized(text, refused.challenge())


def _letters(method: str, rest: str) -> str:
    if "$" in rest:
        return "rscud"
    if method in ("GET", "HEAD"):
        return "r" if rest and rest != "_history" else "s"
    if method == "POST":
        return "s" if rest.endswith("_search") else "c"
    if method == "DELETE":
        return "d"
    return "uc"


def _unauthorized(text: str, challenge: str) -> Response:
    return outcome(401, [Issue("login", text)], {"WWW-Authenticate": challenge})
