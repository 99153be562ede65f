"""The door of an app: from a request to its caller, or to a reason why not.

A service's author needs this much::

    guard = Guard(runtime.verifier({runtime.address}))

    @access(token_with("system/beds.read"))          # an app with a route that does not say so is not started
    async def beds(request: Request) -> Response:
        try:
            admitted = await guard.admit(request.scope)
        except Refused as refused:                   # no token, or one that proves nothing
            return unauthorized(refused)             # 401
        if not admitted.caller.holds("system/beds.read"):
            return forbidden()                       # 403
        return shown(await store.beds(), for_=admitted.caller)

A token that is bound to a key is admitted only with a proof of possession for this very request (DPoP); the guard sees
to that. `Unreachable` (nobody can say what was revoked) is answered with 503. In tests,
`bedside.identity.testing.TestIssuer` makes the verifier and the tokens.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache

from bedside.identity.caller import Caller
from bedside.identity.possession import Shown
from bedside.identity.refusal import Reason, Refused
from bedside.identity.token import Verified, Verifier

CALLERS_KEPT_MAX = 2_000
NOTED = "bedside.noted"


@dataclass(slots=True)
class Noted:
    """Put into a request's scope as `NOTED` by who wants to know whom the guard let in, or why it did not."""

    caller: Caller | None = None
    refused: Reason | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """`bearer` is the token as it came, for exchanging it."""

    bearer: str
    caller: Caller


class Guard:
    """One per app. Whatever it does not understand is refused."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self._callers: LRUCache[str, tuple[Verified, Caller]] = LRUCache(CALLERS_KEPT_MAX)

    async def admit(self, scope: Mapping[str, Any]) -> Admitted:
        """`scope` is the request's, as ASGI has it. Raises Refused, and Unreachable when nobody can tell."""
        noted: Noted | None = scope.get(NOTED)
        try:
            scheme, bearer = credentials_of(scope["headers"])
            shown = Shown.of(scope, self._verifier.places) if scheme == "dpop" else None
            caller = self._caller(bearer, await self._verifier.verify(bearer, shown))
        except Refused as refused:
            if noted is not None:
                noted.refused = refused.reason
            raise
        if noted is not None:
            noted.caller = caller
        return Admitted(bearer, caller)

    def _caller(self, bearer: str, verified: Verified) -> Caller:
        # The verifier answers a token it knows with the same object, every check made anew; only what follows from
        # its scopes and roles is remembered here.
        known = self._callers.get(bearer)
        if known is None or known[0] is not verified:
            known = self._callers[bearer] = (verified, Caller.of(verified))
        return known[1]


def credentials_of(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, str]:
    """The scheme, `bearer` or `dpop`, and the token. Raises Refused("absent") without exactly one.

    https://www.rfc-editor.org/rfc/rfc6750#section-2.1 and https://www.rfc-editor.org/rfc/rfc9449#section-7.1
    """
    given = [value for name, value in headers if name == b"authorization"]
    # Two would let a proxy before us read one and us the other.
    if len(given) != 1:
        raise Refused("absent")
    scheme, _, token = given[0].partition(b" ")
    bearer = token.strip()
    if scheme.lower() not in (b"bearer", b"dpop") or not bearer:
        raise Refused("absent")
    return scheme.lower().decode(), bearer.decode("latin-1")
