"""Who comes in: the token is checked here before anything is asked of an owner."""

from collections.abc import Iterable

from cachetools import LRUCache
from starlette.responses import Response

from bedside.fhir.outcome import Issue
from bedside.gateway.federation.refusals import outcome
from bedside.identity import Caller, LoginRefused, Refused, Verified, Verifier

CALLERS_KEPT_MAX = 2_000


class NotAdmitted(Exception):
    """Carries the answer that the caller gets instead."""

    def __init__(self, response: Response) -> None:
        super().__init__("not admitted")
        self.response = response


class Door:
    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self._callers: LRUCache[str, tuple[Verified, Caller]] = LRUCache(CALLERS_KEPT_MAX)

    async def caller(self, headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, Caller]:
        """The bearer token as it was sent, and whose it is. NotAdmitted with a 401 otherwise."""
        given = next((value for name, value in headers if name == b"authorization"), b"")
        scheme, _, token = given.partition(b" ")
        if scheme.lower() != b"bearer" or not token:
            raise NotAdmitted(_unauthorized("A bearer token is needed.", "Bearer"))
        bearer = token.strip().decode("latin-1")
        try:
            verified = await self._verifier.verify(bearer)
        except Refused as refused:
            raise NotAdmitted(_token_refused(refused.error)) from refused
        # The verifier answers a token it knows with the same object, every check made anew; only what follows from
        # the scopes is remembered here.
        known = self._callers.get(bearer)
        if known is None or known[0] is not verified:
            known = self._callers[bearer] = (verified, Caller.of(verified))
        return bearer, known[1]


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
    return _token_refused("invalid_token")


def _token_refused(error: str) -> Response:
    return _unauthorized("The access token was refused.", f'Bearer error="{error}"')


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
