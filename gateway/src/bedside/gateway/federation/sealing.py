"""What travels through a client's hands and comes back: nobody else reads it, changes it, or uses it elsewhere."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_TOKEN_CHARACTERS_MAX = 12_288


class Broken(Exception):
    """No token of ours, or not for what it is used for."""


class Seal:
    """`key` has 32 bytes; replicas share it."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def sealed(self, value: Any, bound_to: Any) -> str:
        """For an address. Both are JSON; it opens only for the same `bound_to`."""
        nonce = os.urandom(_NONCE_BYTES)
        made = nonce + self._cipher.encrypt(nonce, orjson.dumps(value), _digest(bound_to))
        return urlsafe_b64encode(made).decode().rstrip("=")

    def opened(self, token: str, bound_to: Any) -> Any:
        """Raises Broken."""
        try:
            if len(token) > _TOKEN_CHARACTERS_MAX or not token.isascii():
                raise ValueError("no token of ours")
            made = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            nonce, text = made[:_NONCE_BYTES], made[_NONCE_BYTES:]
            return orjson.loads(self._cipher.decrypt(nonce, text, _digest(bound_to)))
        except (ValueError, InvalidTag) as problem:
            raise Broken("it does not open") from problem


def _digest(bound_to: Any) -> bytes:
    return blake2b(orjson.dumps(bound_to), digest_size=32).digest()
