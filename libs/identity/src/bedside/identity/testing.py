"""Tokens for tests: signed for real, by a key that lives as long as the test."""

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from joserfc import jws, jwt
from joserfc.jwk import ECKey

from bedside.identity.caller import Caller
from bedside.identity.clock import SYSTEM_CLOCK, Clock
from bedside.identity.denylist import Denylist
from bedside.identity.keys import Keys
from bedside.identity.possession import hash_of
from bedside.identity.token import Verifier

ISSUER = "http://127.0.0.1:8003"
AUDIENCE = "http://127.0.0.1:8000/fhir"
_ANY = jws.JWSRegistry(algorithms=["ES256", "ES384", "HS256", "none"], strict_check_header=False)


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
        places = [("", audience) for audience in audiences]
        return Verifier(self.issuer, audiences, self.keys, self.denylist, self._clock, places=places)

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


class Holder:
    """An app with a key of its own, to which its tokens are bound. https://www.rfc-editor.org/rfc/rfc9449"""

    def __init__(self, clock: Clock = SYSTEM_CLOCK, algorithm: str = "ES256") -> None:
        self._clock = clock
        self.algorithm = algorithm
        self.key = ECKey.generate_key("P-256" if algorithm == "ES256" else "P-384", private=True)

    @property
    def thumbprint(self) -> str:
        return self.key.thumbprint()

    def proof(
        self,
        method: str,
        address: str,
        *,
        token: str | None = None,
        header: Mapping[str, Any] | None = None,
        key: Any = None,
        **claims: Any,
    ) -> str:
        """For one request. Any claim or header may be given or, by None, left out; `key` signs in place of its own."""
        payload: dict[str, Any] = {
            "jti": str(uuid.uuid4()),
            "htm": method,
            "htu": address,
            "iat": int(self._clock.now().timestamp()),
            "ath": hash_of(token) if token is not None else None,
        } | claims
        public = dict(self.key.as_dict(private=False))
        head = {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": public} | dict(header or {})
        kept = {name: value for name, value in payload.items() if value is not None}
        said = {name: value for name, value in head.items() if value is not None}
        return jws.serialize_compact(said, json.dumps(kept), key or self.key, algorithms=[said["alg"]], registry=_ANY)

    def headers(self, method: str, address: str, token: str, **changed: Any) -> dict[str, str]:
        """What a request with a bound token carries."""
        return {"authorization": f"DPoP {token}", "dpop": self.proof(method, address, token=token, **changed)}


def _roles_for(scope: str) -> list[str]:
    if "user/" in scope:
        return ["physician"]
    return ["patient"] if "patient/" in scope else []
