"""Passwords as Argon2id hashes, made and checked beside the event loop, two at a time.

More at once would take memory (19 MiB each) and starve everything else on the machine.
"""

import secrets
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

PASSWORD_CHARACTERS_MAX = 256
AT_ONCE = 2
WAITING_MAX = 64
"""Somebody further would wait for more than a second."""
T = TypeVar("T")


class Crowded(Exception):
    """So many are signing in just now that one more would only wait."""


class Passwords:
    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._limiter: CapacityLimiter | None = None
        self._waiting = 0
        # Checked where there is no such account, so that both answers take as long.
        self._nobodys = self._hasher.hash(secrets.token_urlsafe())

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Around all that one form with a password makes us do. Raises Crowded, before anything was done."""
        if self._waiting >= WAITING_MAX:
            raise Crowded
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def hash(self, password: str) -> str:
        """Takes some 20 ms of processor; for a request `hashed` is the one to use."""
        return self._hasher.hash(_normal(password))

    async def hashed(self, password: str) -> str:
        """To be awaited outside any transaction."""
        return await self.beside(partial(self.hash, password))

    async def fits(self, password: str, password_hash: str | None) -> bool:
        """False for a missing hash, after the same work. To be awaited outside any transaction."""
        fits = await self.beside(partial(self.fits_now, password, password_hash or self._nobodys))
        return fits and bool(password_hash)

    def fits_now(self, password: str, password_hash: str) -> bool:
        """Blocks for some 20 ms of processor; for a request `fits` is the one to use."""
        if len(password) > PASSWORD_CHARACTERS_MAX:
            return False
        try:
            return self._hasher.verify(password_hash, _normal(password))
        except (VerificationError, InvalidHashError):
            return False

    async def beside(self, work: Callable[[], T]) -> T:
        """Does what takes processor beside the event loop, when it is its turn."""
        if self._limiter is None:
            self._limiter = CapacityLimiter(AT_ONCE)
        return await to_thread.run_sync(work, limiter=self._limiter)


def _normal(password: str) -> str:
    """The same for the same characters, whichever keyboard composed them (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
