"""Where a page ended, sealed so that it can travel through the client's hands.

The token is bound to the query, to the snapshot and to the caller: it opens for nobody else and nothing else.
"""

import os
import zlib
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
    """After (or before) the row with these sort keys and this `vid`, seen at `snapshot`.

    Without `vid` it is where the first page begins.
    """

    snapshot: int
    keys: tuple[Any, ...]
    vid: int | None
    backwards: bool = False


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
    text = orjson.dumps([position.snapshot, list(position.keys), position.vid, position.backwards])
    return _sealed(text, key, _bound_to(query, caller))


def unseal(query: Paged, *, key: bytes, caller: Sequence[str]) -> PagePosition | None:
    """Where `query.page` says to go on; None for the first page.

    Refused when it is not this query's, or not this caller's.
    """
    if query.page is None:
        return None
    if len(query.page) > _TOKEN_CHARACTERS_MAX:
        raise _not_its_page()
    snapshot, keys, vid, backwards = orjson.loads(_opened(query.page, key, _bound_to(query, caller)))
    return PagePosition(snapshot, tuple(keys), vid, backwards)


def seal_whole(pairs: Sequence[tuple[str, str]], *, key: bytes, caller: Sequence[str]) -> str:
    """All parameters of a page, its own `_page` among them, as one. It begins with a dot, as no other token does."""
    return "." + _sealed(zlib.compress(orjson.dumps(pairs), 9), key, _of_caller(caller))


def reopen(token: str, *, key: bytes, caller: Sequence[str]) -> list[tuple[str, str]]:
    """The parameters that were sealed. Refused when it is not this caller's."""
    # Sealed by us, so it cannot grow beyond what we once read.
    pairs = orjson.loads(zlib.decompress(_opened(token[1:], key, _of_caller(caller))))
    return [(name, value) for name, value in pairs]


def _sealed(text: bytes, key: bytes, bound_to: bytes) -> str:
    nonce = os.urandom(_NONCE_BYTES)
    return urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, text, bound_to)).decode().rstrip("=")


def _opened(token: str, key: bytes, bound_to: bytes) -> bytes:
    try:
        sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)
    except (ValueError, InvalidTag) as error:
        raise _not_its_page() from error


def _not_its_page() -> Refused:
    text = "Parameter _page is not a page of this request for this caller; begin again without it"
    return Refused(400, [Issue("value", text)])


def _of_caller(caller: Sequence[str]) -> bytes:
    return blake2b(orjson.dumps(["whole", list(caller)]), digest_size=32).digest()


def _bound_to(query: Paged, caller: Sequence[str]) -> bytes:
    return blake2b(
        orjson.dumps([query.address, query.type_names, query.applied, list(caller)]), digest_size=32
    ).digest()
