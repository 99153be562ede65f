"""The keys at clients' own addresses, fetched seldom and kept for a while."""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import anyio
import structlog
from cachetools import LRUCache

from bedside.auth.client_keys.public_https import PublicHttps, Unfetched
from bedside.auth.client_keys.public_keys import PublicKey, UnusableKeys, usable_keys

AGE_MAX_S = 300.0
REFETCH_INTERVAL_S = 10.0
STALE_MAX_S = 3_600.0
"""How long known keys go on while their address does not answer: no longer, or a removed key would never end."""
FETCHES_AT_ONCE = 4
_ADDRESSES_KEPT_MAX = 1_000
log = structlog.get_logger("bedside.auth.client_keys")

Fetch = Callable[[str], Awaitable[bytes]]


@dataclass
class _Known:
    keys: Mapping[str, PublicKey] = field(default_factory=dict)
    fetched_at: float = float("-inf")
    tried_at: float = float("-inf")
    turn: anyio.Lock = field(default_factory=anyio.Lock)


class FetchedKeys:
    """By address. However many unknown keys are named, an address is asked once an interval."""

    def __init__(self, fetch: Fetch | None = None, now_s: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch or PublicHttps().fetch
        self._now_s = now_s
        self._known: LRUCache[str, _Known] = LRUCache(_ADDRESSES_KEPT_MAX)
        self._at_once = anyio.Semaphore(FETCHES_AT_ONCE)

    async def prepare(self, uri: str, kid: str) -> None:
        """Makes `keys` as good as can be for who is about to be verified by this key. Waits four seconds at most.

        To be awaited outside of any transaction.
        """
        known = self._known.get(uri)
        if known is None:
            known = self._known[uri] = _Known()
        if self._serves(known, kid):
            return
        async with known.turn:
            now = self._now_s()
            if self._serves(known, kid) or now - known.tried_at < REFETCH_INTERVAL_S:
                return
            known.tried_at = now
            await self._refetch(uri, known)

    def keys(self, uri: str) -> Mapping[str, PublicKey]:
        """As last fetched; empty when that is too long ago."""
        known = self._known.get(uri)
        return known.keys if known is not None and self._now_s() - known.fetched_at < STALE_MAX_S else {}

    def _serves(self, known: _Known, kid: str) -> bool:
        return kid in known.keys and self._now_s() - known.fetched_at < AGE_MAX_S

    async def _refetch(self, uri: str, known: _Known) -> None:
        try:
            self._at_once.acquire_nowait()
        except anyio.WouldBlock:
            # Slow addresses of some must not hold up everybody who waits to sign in.
            known.tried_at = float("-inf")
            return
        try:
            document = json.loads(await self._fetch(uri))
            known.keys, known.fetched_at = usable_keys(document), self._now_s()
        except Unfetched as unfetched:
            log.warning("keys of a client cannot be fetched", reason=str(unfetched))
        except (ValueError, RecursionError) as error:
            log.warning("keys of a client cannot be read", reason=type(error).__name__)
            if isinstance(error, UnusableKeys):
                # A set that shows a private key is not to be trusted, old or new.
                known.keys = {}
        finally:
            self._at_once.release()
