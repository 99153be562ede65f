"""Where a page ended, sealed so that it can travel through the client's hands.

The token is bound to the query, to the snapshot and to the caller: it opens for nobody else and nothing else.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedside.fhir.outcome import Issue, Refused

_NONCE_BYTES = 12
_TOKEN_CHARACTERS_MAX = 4096


@dataclass(frozen=True)
class PagePosition:
    """After the row with these sort keys and this `vid`, seen at `snapshot`."""

    snapshot: int
    keys: tuple[Any, ...]
    vid: int


class Paged(Protocol):
    """What a page is a page of: a search, a history.

    `address` is the path below the base, `type_names` are looked at, `applied` are the parameters, `page` is the token
    that was sent.
    """

    @property
    def address(self) -> str: ...

    @property
    def type_names(self) -> tuple[str, ...]: ...

    @property
    def applied(self) -> tuple[tuple[str, str], ...]: ...

    @property
    def page(self) -> str | None: ...


def seal(position: PagePosition, query: Paged, *, key: bytes, caller: Sequence[str]) -> str:
    """For the `_page` parameter of the next link. `key` has 32 bytes; `caller` is whatever tells callers and what
    they may see apart (subject, roles, patient)."""
    nonce = os.urandom(_NONCE_BYTES)
    text = orjson.dumps([position.snapshot, list(position.keys), position.vid])
    return urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, text, _bound_to(query, caller))).decode().rstrip("=")


def unseal(query: Paged, *, key: bytes, caller: Sequence[str]) -> PagePosition | None:
    """Where `query.page` says to go on; None for the first page.

    Refused when it is not this query's, or not this caller's.
    """
    if query.page is None:
        return None
    try:
        if len(query.page) > _TOKEN_CHARACTERS_MAX:
            raise ValueError("too long")
        sealed = urlsafe_b64decode(query.page + "=" * (-len(query.page) % 4))
        nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        snapshot, keys, vid = orjson.loads(AESGCM(key).decrypt(nonce, text, _bound_to(query, caller)))
    except (ValueError, InvalidTag) as error:
        text_ = "Parameter _page is not a page of this request for this caller; begin again without it"
        raise Refused(400, [Issue("value", text_)]) from error
    return PagePosition(snapshot, tuple(keys), vid)


def _bound_to(query: Paged, caller: Sequence[str]) -> bytes:
    return blake2b(
        orjson.dumps([query.address, query.type_names, query.applied, list(caller)]), digest_size=32
    ).digest()
