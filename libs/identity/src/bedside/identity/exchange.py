"""A caller's token, exchanged for one that only the called service accepts.

https://www.rfc-editor.org/rfc/rfc8693
"""

import asyncio
import hashlib
import time

from cachetools import LRUCache

from bedside.identity.service_login import Issued, ServiceLogin

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type's name
EXCHANGED_KEPT_MAX = 10_000


class Exchange:
    """Exchanges by a service's own login. The same token and audience are asked for once, however many wait."""

    def __init__(self, login: ServiceLogin) -> None:
        self._login = login
        self._issued: LRUCache[tuple[bytes, str], asyncio.Task[Issued]] = LRUCache(EXCHANGED_KEPT_MAX)

    async def exchange(self, bearer: str, audience: str) -> str:
        """Raises LoginRefused when the token is no longer worth one, Unreachable when auth does not answer."""
        key = (hashlib.sha256(bearer.encode()).digest(), audience)
        asked = self._issued.get(key)
        if asked is None or _spent(asked):
            asked = self._issued[key] = asyncio.create_task(self._ask(bearer, audience))
        elif asked.done():
            return asked.result().access_token
        try:
            # A caller who goes away must not take the answer from those who wait for the same one.
            return (await asyncio.shield(asked)).access_token
        except Exception:
            if self._issued.get(key) is asked:
                del self._issued[key]
            raise

    def forget(self) -> None:
        """Drops every exchanged token, after something that changes rights."""
        self._issued.clear()

    async def _ask(self, bearer: str, audience: str) -> Issued:
        return await self._login.ask(
            {
                "grant_type": GRANT_TYPE,
                "subject_token": bearer,
                "subject_token_type": ACCESS_TOKEN,
                "audience": audience,
            }
        )


def _spent(asked: asyncio.Task[Issued]) -> bool:
    if not asked.done():
        return False
    return asked.cancelled() or asked.exception() is not None or asked.result().renew_at <= time.monotonic()
