"""The authorization server's public keys, fetched once and kept."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from bedside.identity.clock import SYSTEM_CLOCK, Clock
from bedside.identity.refusal import Refused

Fetch = Callable[[], Awaitable[Mapping[str, Any]]]
KEY_AGE_MAX_S = 300.0
REFETCH_INTERVAL_S = 5.0
SKEW_S = 60.0
_KEYS_MAX = 50


class Keys:
    """A JWKS cache. However many unknown `kid`s arrive, auth is asked once an interval.

    While auth is away, known keys go on verifying; an unknown key is never accepted.
    """

    def __init__(self, source: str | Fetch, http: httpx.AsyncClient | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
        """`source` is the JWKS address, or what fetches the document."""
        self._fetch: Fetch = _fetching(source, http) if isinstance(source, str) else source
        self._keys: dict[str, ECKey] = {}
        self._clock = clock
        self._tried_at = float("-inf")
        self._fetched_at = float("-inf")
        self._turn = asyncio.Lock()

    async def key(self, kid: str) -> ECKey:
        """Raises Refused("unknown-key"), or Refused("key-not-in-use") for one that may not sign yet."""
        if kid not in self._keys or self._aged():
            await self._refetch()
        key = self._keys.get(kid)
        if key is None:
            raise Refused("unknown-key")
        if _signs_from(key) - SKEW_S > self._clock.now().timestamp():
            raise Refused("key-not-in-use")
        return key

    async def reload(self) -> None:
        """After `key.rotated`, whatever the interval."""
        self._tried_at = float("-inf")
        await self._refetch()

    @property
    def known(self) -> frozenset[str]:
        """The names of the keys that are accepted now."""
        return frozenset(self._keys)

    def _aged(self) -> bool:
        return time.monotonic() - self._fetched_at > KEY_AGE_MAX_S

    async def _refetch(self) -> None:
        async with self._turn:
            if time.monotonic() - self._tried_at < REFETCH_INTERVAL_S:
                return
            self._tried_at = time.monotonic()
            try:
                document = await self._fetch()
            except (httpx.HTTPError, OSError, ValueError):
                return
            self._keys = _usable(document)
            self._fetched_at = time.monotonic()


def _fetching(url: str, http: httpx.AsyncClient | None) -> Fetch:
    async def fetch() -> Mapping[str, Any]:
        if http is not None:
            answer = await http.get(url, timeout=5.0)
        else:
            async with httpx.AsyncClient() as own:
                answer = await own.get(url, timeout=5.0)
        answer.raise_for_status()
        document: Mapping[str, Any] = answer.json()
        return document

    return fetch


def _signs_from(key: ECKey) -> float:
    """Seconds. auth publishes a key before it signs and says so by `nbf`: nobody has to ask again at that moment."""
    told = key.get("nbf")
    return float(told) if isinstance(told, int | float) else 0.0


def _usable(document: Mapping[str, Any]) -> dict[str, ECKey]:
    """The ES256 keys; others (RS256 signs ID tokens only) are no keys for access tokens."""
    usable: dict[str, ECKey] = {}
    for jwk in list(document.get("keys", ()))[:_KEYS_MAX]:
        if jwk.get("kty") == "EC" and jwk.get("crv") == "P-256" and isinstance(jwk.get("kid"), str):
            try:
                usable[jwk["kid"]] = ECKey.import_key(jwk)
            except (JoseError, ValueError):
                continue
    return usable
