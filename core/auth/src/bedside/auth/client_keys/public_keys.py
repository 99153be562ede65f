"""The keys by which a client proves itself: public ones, strong enough, each with a name."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from bedside.identity.smart_configuration import ASSERTION_ALGORITHMS

KEYS_MAX = 20
RSA_BITS_MIN, RSA_BITS_MAX = 2_048, 8_192
_RSA_EXPONENTS = range(3, 2**32)
_KID = re.compile(r"[\x21-\x7e]{1,200}")
_KEPT = ("kty", "crv", "x", "y", "n", "e", "kid", "alg", "use")
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_CURVES = {"P-256": "ES256", "P-384": "ES384"}


class UnusableKeys(ValueError):
    """The sentence is for the client's developer, in plain ASCII of ours."""


@dataclass(frozen=True)
class PublicKey:
    kid: str
    algorithm: str
    """The only one it verifies: a key that serves two is half as well understood."""
    key: ECKey | RSAKey


def public_keys(jwks: Any) -> dict[str, PublicKey]:
    """By kid. Raises UnusableKeys unless every key is public, sound, and one that assertions are signed by here."""
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(keys, list) or not keys:
        raise UnusableKeys("a JWK Set has at least one key")
    if len(keys) > KEYS_MAX:
        raise UnusableKeys(f"a JWK Set has at most {KEYS_MAX} keys here")
    _refuse_private(keys)
    read = [_public_key(jwk) for jwk in keys]
    by_kid = {key.kid: key for key in read}
    if len(by_kid) != len(read):
        raise UnusableKeys("two keys have the same kid")
    return by_kid


def without_the_rest(jwks: Mapping[str, Any]) -> dict[str, Any]:
    """What `public_keys` looked at, and nothing of what else was sent along."""
    return {"keys": [{name: jwk[name] for name in _KEPT if name in jwk} for jwk in jwks["keys"]]}


def registered_keys(jwks: Mapping[str, Any]) -> Mapping[str, PublicKey]:
    """`public_keys` of a set that passed when it was registered; read once, since that takes longer than verifying."""
    return _read_before(json.dumps(jwks, sort_keys=True))


@lru_cache(maxsize=1_000)
def _read_before(jwks: str) -> Mapping[str, PublicKey]:
    return public_keys(json.loads(jwks))


def usable_keys(jwks: Any) -> dict[str, PublicKey]:
    """The same of a set that is not ours to judge: what it has beside usable keys is passed over.

    Raises UnusableKeys when it shows a private key: whoever fetched it can sign now.
    """
    keys = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(keys, list):
        raise UnusableKeys("a JWK Set has keys")
    keys = keys[:KEYS_MAX]
    _refuse_private(keys)
    usable: dict[str, PublicKey] = {}
    for jwk in keys:
        try:
            key = _public_key(jwk)
        except UnusableKeys:
            continue
        usable[key.kid] = key
    return usable


def _refuse_private(keys: list[Any]) -> None:
    if any(isinstance(jwk, Mapping) and _PRIVATE & set(jwk) for jwk in keys):
        raise UnusableKeys("a private or symmetric key was sent: it is no longer secret, make a new one")


def _public_key(jwk: Any) -> PublicKey:
    if not isinstance(jwk, Mapping):
        raise UnusableKeys("a key is no JSON object")
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise UnusableKeys("a key has no kid of 1 to 200 printable characters")
    uses = jwk.get("key_ops", ["verify"])
    if jwk.get("use") not in (None, "sig") or not isinstance(uses, list) or "verify" not in uses:
        raise UnusableKeys("a key is not for signatures")
    try:
        algorithm, key = _elliptic(jwk) if jwk.get("kty") == "EC" else _rsa(jwk)
    except UnusableKeys:
        raise
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnusableKeys("a key is neither an RSA key nor one on P-256 or P-384") from error
    if jwk.get("alg") not in (None, algorithm):
        raise UnusableKeys(f"a key is for another algorithm than {', '.join(ASSERTION_ALGORITHMS)}")
    return PublicKey(kid, algorithm, key)


def _elliptic(jwk: Mapping[str, Any]) -> tuple[str, ECKey]:
    if jwk["crv"] not in _CURVES:
        raise UnusableKeys(f"an elliptic curve key is on another curve than {' or '.join(_CURVES)}")
    return _CURVES[jwk["crv"]], ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y")})


def _rsa(jwk: Mapping[str, Any]) -> tuple[str, RSAKey]:
    if jwk["kty"] != "RSA":
        raise ValueError("another kind of key")
    # Looked at before the key is made: joserfc takes a weak one, with a warning in our logs for each try.
    if not RSA_BITS_MIN <= _number(jwk["n"]).bit_length() <= RSA_BITS_MAX:
        raise UnusableKeys(f"an RSA key has {RSA_BITS_MIN} to {RSA_BITS_MAX} bits here")
    if _number(jwk["e"]) not in _RSA_EXPONENTS:
        raise UnusableKeys("an RSA key has an exponent of 3 to 32 bits here")
    return "RS384", RSAKey.import_key({name: jwk[name] for name in ("kty", "n", "e")})


def _number(written: str) -> int:
    """Base64url of its bytes, https://www.rfc-editor.org/rfc/rfc7518#section-2"""
    return int.from_bytes(base64.b64decode(written.encode("ascii") + b"=" * (-len(written) % 4), b"-_", validate=True))
