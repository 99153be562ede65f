"""The key by which a service proves itself to auth: read from what operators keep, and what is signed with it.

https://www.rfc-editor.org/rfc/rfc7523#section-3 and, narrower,
https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
"""

import base64
import hmac
import json
import re
import uuid
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from bedside.identity.clock import SYSTEM_CLOCK, Clock

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE = timedelta(seconds=60)
PUBLIC_KEYS_MAX = 4
_ALGORITHMS = {"P-256": "ES256", "P-384": "ES384"}
_BLOCK = re.compile(r"-----BEGIN (EC PRIVATE|PRIVATE|PUBLIC) KEY-----.*?-----END \1 KEY-----", re.DOTALL)


class UnusableKey(ValueError):
    """The sentence is for the operator, and holds nothing of the key."""


class ServiceKey:
    """A private key on P-256 or P-384. Its name, `kid`, is its thumbprint (RFC 7638)."""

    def __init__(self, key: ECKey) -> None:
        if not key.is_private:
            raise UnusableKey("a service signs with its private key, and this is a public one")
        self._key = key
        self._algorithm = _algorithm(key)

    @classmethod
    def generated(cls) -> "ServiceKey":
        return cls(ECKey.generate_key("P-256"))

    @classmethod
    def read(cls, text: str) -> "ServiceKey":
        """PEM, or the base64 of DER. Raises UnusableKey."""
        keys = _keys(text)
        if len(keys) != 1:
            raise UnusableKey("a service has one private key, not encrypted")
        return cls(keys[0])

    @property
    def pem(self) -> str:
        return self._key.as_pem(private=True).decode()

    @property
    def line(self) -> str:
        """The base64 of DER, as fits into a variable of the environment."""
        return base64.b64encode(self._key.as_der(private=True)).decode()

    @property
    def public_line(self) -> str:
        return base64.b64encode(self._key.as_der(private=False)).decode()

    @property
    def public(self) -> dict[str, Any]:
        """A JWK Set of the public half."""
        return {"keys": [_public_jwk(self._key)]}

    def proving(self, client_id: str, *, issuer: str, clock: Clock = SYSTEM_CLOCK) -> dict[str, str]:
        """What is added to a form sent to auth. Good once, for a minute."""
        header = {"alg": self._algorithm, "typ": "JWT", "kid": self._key.thumbprint()}
        claims = _claims(client_id, issuer, clock.now())
        signed = jws.serialize_compact(header, json.dumps(claims), self._key, algorithms=[self._algorithm])
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}

    def derived(self, purpose: str) -> bytes:
        """32 bytes that only holders of the key can tell."""
        secret = hmac.digest(self._key.as_der(private=True), b"derived from the key of a service", "sha256")
        return hmac.digest(secret, purpose.encode(), "sha256")


def public_keys_of_service(text: str) -> dict[str, Any]:
    """A JWK Set of one public key, or of several while one replaces another: PEM, or words of base64 of DER.

    Raises UnusableKey, also when a private key was given: it would be known where it need not be.
    """
    keys = _keys(text)
    if not 0 < len(keys) <= PUBLIC_KEYS_MAX:
        raise UnusableKey(f"a service has one to {PUBLIC_KEYS_MAX} public keys")
    if any(key.is_private for key in keys):
        raise UnusableKey("auth is given the public key of a service, and this is the private one")
    return {"keys": [_public_jwk(key) for key in keys]}


def _keys(text: str) -> list[ECKey]:
    try:
        if "-----BEGIN" in text:
            return [ECKey.import_key(block[0].encode()) for block in _BLOCK.finditer(text)]
        return [ECKey.import_key(base64.b64decode(word, validate=True)) for word in text.split()]
    except (JoseError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        # The cause is not chained: what could not be read may be shown in it.
        raise UnusableKey(f"no elliptic curve key in PEM, or in the base64 of DER ({type(error).__name__})") from None


def _algorithm(key: ECKey) -> str:
    try:
        return _ALGORITHMS[key.curve_name]
    except KeyError:
        raise UnusableKey("a service's key is on the curve P-256 or P-384") from None


def _public_jwk(key: ECKey) -> dict[str, Any]:
    said = key.as_dict(private=False)
    named = {"kid": key.thumbprint(), "alg": _algorithm(key), "use": "sig"}
    return {name: said[name] for name in ("kty", "crv", "x", "y")} | named


def _claims(client_id: str, issuer: str, now: datetime) -> dict[str, Any]:
    issued_at = int(now.timestamp())
    return {
        "iss": client_id,
        "sub": client_id,
        "aud": issuer,
        "jti": str(uuid.uuid4()),
        "iat": issued_at,
        "exp": issued_at + int(ASSERTION_LIFE.total_seconds()),
    }
