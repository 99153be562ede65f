"""Where a composed search goes on, sealed so that it can travel through the client's hands.

It opens for the caller and the query it was made for, and for nobody else and nothing else.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedside.fhir.outcome import Issue, Refused
from bedside.identity import Caller

_NONCE_BYTES = 12
_TOKEN_CHARACTERS_MAX = 12_288


class Pages:
    """`key` has 32 bytes; replicas share it."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def sealed(self, position: Any, path: str, pairs: Sequence[tuple[str, str]], caller: Caller) -> str:
        """For the `_page` parameter. `position` is JSON: the owners' own tokens, and the snapshots at which their parts
        were searched. `pairs` are the query's, in any order, without `_page`."""
        nonce = os.urandom(_NONCE_BYTES)
        made = nonce + self._cipher.encrypt(nonce, orjson.dumps(position), _bound_to(path, pairs, caller))
        return urlsafe_b64encode(made).decode().rstrip("=")

    def opened(self, token: str, path: str, pairs: Sequence[tuple[str, str]], caller: Caller) -> Any:
        """Refused when it is not this query's, or not this caller's."""
        try:
            if len(token) > _TOKEN_CHARACTERS_MAX or not token.isascii():
                raise ValueError("no token of ours")
            made = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            nonce, text = made[:_NONCE_BYTES], made[_NONCE_BYTES:]
            return orjson.loads(self._cipher.decrypt(nonce, text, _bound_to(path, pairs, caller)))
        except (ValueError, InvalidTag) as problem:
            text_ = "Parameter _page is not a page of this search for this caller; begin again without it."
            raise Refused(400, [Issue("value", text_)]) from problem


def _bound_to(path: str, pairs: Sequence[tuple[str, str]], caller: Caller) -> bytes:
    who = (caller.subject, caller.client_id, caller.patient or "", sorted(caller.roles))
    return blake2b(orjson.dumps([path, sorted(pairs), who]), digest_size=32).digest()
