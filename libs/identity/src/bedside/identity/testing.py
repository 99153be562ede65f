"""Tokens for tests: signed for real, by a key that lives as long as the test."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from bedside.identity.caller import Caller
from bedside.identity.clock import SYSTEM_CLOCK, Clock
from bedside.identity.denylist import Denylist
from bedside.identity.keys import Keys
from bedside.identity.token import Verifier

ISSUER = "http://127.0.0.1:8003"
AUDIENCE = "http://127.0.0.1:8000/fhir"


class TestIssuer:
    """An authorization server reduced to its key."""

    __test__ = False

    def __init__(self, issuer: str = ISSUER, clock: Clock = SYSTEM_CLOCK) -> None:
        self.issuer = issuer
        self.denylist = Denylist(clock)
        self._clock = clock
        self._key = ECKey.generate_key("P-256", {"kid": "test-key", "use": "sig", "alg": "ES256"}, private=True)
        self.keys = Keys(self._fetch)

    def jwks(self) -> dict[str, Any]:
        return {"keys": [dict(self._key.as_dict(private=False))]}

    def verifier(self, audience: str | Iterable[str] = AUDIENCE) -> Verifier:
        audiences = [audience] if isinstance(audience, str) else list(audience)
        return Verifier(self.issuer, audiences, self.keys, self.denylist, self._clock)

    def token(
        self,
        scope: str = "system/*.cruds",
        *,
        roles: Iterable[str] | None = None,
        patient: str | None = None,
        audience: str | list[str] = AUDIENCE,
        subject: str = "test-subject",
        client_id: str = "test-client",
        life_s: int = 300,
        header: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Without `roles`: physician when the scope speaks of `user/`, patient when of `patient/`, else none.

        Any claim may be given or, by None, left out: `token(exp=None)`.
        """
        now = int(self._clock.now().timestamp())
        payload: dict[str, Any] = {
            "iss": self.issuer,
            "aud": audience,
            "sub": subject,
            "client_id": client_id,
            "iat": now,
            "exp": now + life_s,
            "jti": str(uuid.uuid4()),
            "sid": "test-session",
            "scope": scope,
            "roles": sorted(_roles_for(scope) if roles is None else roles) or None,
            "patient": patient,
        } | claims
        head = {"alg": "ES256", "typ": "at+jwt", "kid": "test-key"} | dict(header or {})
        kept = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(head, kept, self._key, algorithms=["ES256"])

    def claims(self, token: str) -> dict[str, Any]:
        """What a token of ours says."""
        claims: dict[str, Any] = jwt.decode(token, self._key, algorithms=["ES256"]).claims
        return claims

    async def caller(self, scope: str = "system/*.cruds", **claims: Any) -> Caller:
        """What a service sees of `token(scope, **claims)`."""
        return Caller.of(await self.verifier().verify(self.token(scope, **claims)))

    async def _fetch(self) -> Mapping[str, Any]:
        return self.jwks()


def _roles_for(scope: str) -> list[str]:
    if "user/" in scope:
        return ["physician"]
    return ["patient"] if "patient/" in scope else []
