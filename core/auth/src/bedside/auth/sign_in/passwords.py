"""Passwords as Argon2id hashes, made and checked beside the event loop, two at a time.

More at once would take memory (19 MiB each) and starve everything else on the machine.
"""

import secrets
from functools import partial

from anyio import CapacityLimiter, to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

PASSWORD_CHARACTERS_MAX = 256
_AT_ONCE = 2


class Passwords:
    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._limiter: CapacityLimiter | None = None
        # Checked where there is no such account, so that both answers take as long.
        self._nobodys = self._hasher.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """Takes some 20 ms of processor."""
        return self._hasher.hash(password)

    async def fits(self, password: str, password_hash: str | None) -> bool:
        """False for a missing hash, after the same work. To be awaited outside any transaction."""
        if self._limiter is None:
            self._limiter = CapacityLimiter(_AT_ONCE)
        fits = await to_thread.run_sync(
            partial(self.fits_now, password, password_hash or self._nobodys), limiter=self._limiter
        )
        return fits and password_hash is not None

    def fits_now(self, password: str, password_hash: str) -> bool:
        """Blocks for some 20 ms of processor; for a request `fits` is the one to use."""
        if len(password) > PASSWORD_CHARACTERS_MAX:
            return False
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
