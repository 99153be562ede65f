"""Proofs of possession: a token bound to a key is good only beside a signature by that key, made for this request.

DPoP: https://www.rfc-editor.org/rfc/rfc9449
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from bedside.identity.compact import object_of
from bedside.identity.refusal import PROOF_ALGORITHMS, Reason, Refused

ALGORITHMS = tuple(PROOF_ALGORITHMS.split())
PROOF_BYTES_MAX = 4_096
PROOF_LIFE = timedelta(seconds=60)
"""A proof is made for one request, just before it."""
CLOCKS_APART = timedelta(seconds=60)
_CURVES = {"ES256": "P-256", "ES384": "P-384"}
_JTI_MAX = 256
_SECONDS_MAX = 2**36
_HEADER_ALLOWED = frozenset({"typ", "alg", "jwk", "kid"})
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_UNRESERVED = re.compile(r"%([0-9A-Fa-f]{2})")
_PORTS = {"http": 80, "https": 443}
Places = Sequence[tuple[str, str]]
"""Where an app is reached: the start of a path, and the public address that stands for it, without a final slash."""


@dataclass(frozen=True)
class Proof:
    """Good for the request it was looked at for. Whether for the first time, somebody has to remember until `until`."""

    thumbprint: str
    """Of its key (RFC 7638)."""
    jti: str
    until: datetime


@dataclass(frozen=True)
class Shown:
    """What was shown beside a token of the scheme DPoP. `addresses` are all that this request may be called by."""

    proofs: tuple[str, ...]
    method: str
    addresses: tuple[str, ...]

    @classmethod
    def of(cls, scope: Mapping[str, Any], places: Places) -> "Shown":
        """`scope` is the request's, as ASGI has it."""
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
        addresses = tuple(
            address + path.removeprefix(prefix)
            for prefix, address in places
            if path == prefix or path.startswith(f"{prefix}/")
        )
        return cls(proofs_in(scope["headers"]), scope["method"], addresses)

    def proof(self, *, now: datetime, token: str | None = None) -> Proof:
        """`token` is the access token that it goes with, if with one. Raises Refused."""
        if len(self.proofs) != 1:
            raise _refused("proof-absent" if not self.proofs else "proof-malformed")
        header, claims, compact = _taken_apart(self.proofs[0])
        key = _key(header)
        try:
            jws.deserialize_compact(compact, key, algorithms=[header["alg"]])
        except (JoseError, ValueError) as error:
            raise _refused("proof-bad-signature") from error
        if claims.get("htm") != self.method or _normal(claims.get("htu")) not in map(_normal, self.addresses):
            raise _refused("proof-for-other-request")
        if token is not None and claims.get("ath") != hash_of(token):
            raise _refused("proof-for-other-token")
        made_at = _instant(claims)
        if made_at + PROOF_LIFE + CLOCKS_APART <= now or made_at - CLOCKS_APART > now:
            raise _refused("proof-not-of-now")
        return Proof(key.thumbprint(), _jti(claims), made_at + PROOF_LIFE + CLOCKS_APART)


def proofs_in(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, ...]:
    return tuple(value.decode("latin-1") for name, value in headers if name == b"dpop")


def hash_of(token: str) -> str:
    """What a proof says of the token it goes with, as `ath`."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()


def key_bound_to(claims: Mapping[str, Any]) -> str | None:
    """The thumbprint of the key that a token is bound to. Raises Refused for a bond of a kind unknown here."""
    if "cnf" not in claims:
        return None
    confirmation = claims["cnf"]
    thumbprint = confirmation.get("jkt") if isinstance(confirmation, dict) and len(confirmation) == 1 else None
    if not isinstance(thumbprint, str) or not thumbprint:
        raise Refused("unknown-bond")
    return thumbprint


def _taken_apart(compact: str) -> tuple[Mapping[str, Any], Mapping[str, Any], str]:
    parts = compact.split(".")
    if len(compact) > PROOF_BYTES_MAX or len(parts) != 3:
        raise _refused("proof-malformed")
    try:
        return object_of(parts[0]), object_of(parts[1]), compact
    except ValueError as error:
        raise _refused("proof-malformed") from error


def _key(header: Mapping[str, Any]) -> ECKey:
    """The key that the proof brings. It proves nothing but that who made the proof holds it."""
    if header.get("typ") != "dpop+jwt" or not header.keys() <= _HEADER_ALLOWED:
        raise _refused("proof-malformed")
    if header.get("alg") not in ALGORITHMS:
        raise _refused("proof-wrong-algorithm")
    jwk = header.get("jwk")
    if not isinstance(jwk, dict) or jwk.get("kty") != "EC" or _PRIVATE & jwk.keys():
        raise _refused("proof-wrong-key")
    if jwk.get("crv") != _CURVES[header["alg"]]:
        raise _refused("proof-wrong-key")
    try:
        return ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y")})
    except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refused("proof-wrong-key") from error


def _jti(claims: Mapping[str, Any]) -> str:
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _JTI_MAX:
        raise _refused("proof-malformed")
    return jti


def _instant(claims: Mapping[str, Any]) -> datetime:
    value = claims.get("iat")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _SECONDS_MAX:
        raise _refused("proof-malformed")
    return datetime.fromtimestamp(value, UTC)


def _normal(address: Any) -> str | None:
    """As RFC 3986, sections 6.2.2 and 6.2.3, spell it, without query and fragment. None for what is no address."""
    if not isinstance(address, str):
        return None
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if not host or parts.username is not None or parts.password is not None:
        return None
    shown = "" if port is None or port == _PORTS.get(scheme) else f":{port}"
    return f"{scheme}://{host}{shown}{_UNRESERVED.sub(_decoded, parts.path) or '/'}"


def _decoded(escaped: re.Match[str]) -> str:
    character = chr(int(escaped[1], 16))
    return character if character.isascii() and (character.isalnum() or character in "-._~") else escaped[0].upper()


def _refused(reason: Reason) -> Refused:
    return Refused(reason, error="invalid_dpop_proof")
