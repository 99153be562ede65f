"""A caller's token, exchanged for one that only the called service accepts.

https://www.rfc-editor.org/rfc/rfc8693
"""

import asyncio
import hashlib
import time
from dataclasses import dataclass

from cachetools import LRUCache

from bedside.identity.denylist import Denylist
from bedside.identity.emergency import BrokenGlass, broken_glasses
from bedside.identity.refusal import Refused
from bedside.identity.service_login import Issued, ServiceLogin
from bedside.identity.token import Unverified

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type's name
EXCHANGED_KEPT_MAX = 10_000


@dataclass(frozen=True)
class _Exchanged:
    issued: Issued
    glasses: tuple[BrokenGlass, ...]


@dataclass(frozen=True)
class _Asked:
    subject: str | None
    task: asyncio.Task[_Exchanged]


class Exchange:
    """Exchanges by a service's own login. The same token and audience are asked for once, however many wait.

    `denylist` knows which emergency accesses were ended: a token that speaks of one is not handed out any more.
    """

    def __init__(self, login: ServiceLogin, denylist: Denylist | None = None) -> None:
        self._login = login
        self._denylist = denylist
        self._asked: LRUCache[tuple[bytes, str], _Asked] = LRUCache(EXCHANGED_KEPT_MAX)

    async def exchange(self, bearer: str, audience: str) -> str:
        """Raises LoginRefused when the token is no longer worth one, Unreachable when auth does not answer."""
        return (await self._exchanged(bearer, audience)).issued.access_token

    async def glasses(self, bearer: str, audience: str) -> tuple[BrokenGlass, ...]:
        """The emergency accesses that auth vouches for in the token for that audience. Raises as `exchange` does."""
        return (await self._exchanged(bearer, audience)).glasses

    def forget(self, subject: str | None = None) -> None:
        """Drops what was exchanged for this user, or for all: after something that changes rights."""
        if subject is None:
            self._asked.clear()
        for key in [key for key, asked in self._asked.items() if asked.subject == subject]:
            del self._asked[key]

    async def _exchanged(self, bearer: str, audience: str) -> _Exchanged:
        key = (hashlib.sha256(bearer.encode()).digest(), audience)
        asked = self._asked.get(key)
        if asked is None or self._is_spent(asked.task):
            task = asyncio.create_task(self._ask(bearer, audience))
            asked = self._asked[key] = _Asked(_subject(bearer), task)
        elif asked.task.done():
            return asked.task.result()
        try:
            # A caller who goes away must not take the answer from those who wait for the same one.
            return await asyncio.shield(asked.task)
        except Exception:
            if self._asked.get(key) is asked:
                del self._asked[key]
            raise

    async def _ask(self, bearer: str, audience: str) -> _Exchanged:
        issued = await self._login.ask(
            {
                "grant_type": GRANT_TYPE,
                "subject_token": bearer,
                "subject_token_type": ACCESS_TOKEN,
                "audience": audience,
            }
        )
        return _Exchanged(issued, _glasses(issued.access_token))

    def _is_spent(self, task: asyncio.Task[_Exchanged]) -> bool:
        if not task.done():
            return False
        if task.cancelled() or task.exception() is not None:
            return True
        exchanged = task.result()
        return exchanged.issued.renew_at <= time.monotonic() or self._is_taken_back(exchanged)

    def _is_taken_back(self, exchanged: _Exchanged) -> bool:
        if not exchanged.glasses or self._denylist is None:
            return False
        return self._denylist.knows_ended([glass.id for glass in exchanged.glasses])


def _subject(bearer: str) -> str | None:
    """Whose token it is, as it says itself: it finds what to forget, and proves nothing."""
    try:
        said = Unverified.parse(bearer).claims.get("sub")
    except Refused:
        return None
    return said if isinstance(said, str) else None


def _glasses(exchanged: str) -> tuple[BrokenGlass, ...]:
    # It came from auth itself, so it need not be verified to be believed.
    try:
        return broken_glasses(Unverified.parse(exchanged).claims)
    except Refused:
        return ()
