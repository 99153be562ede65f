"""How long ago a service last knew everything that auth took back. Too long, and it can vouch for nobody."""

import time
from collections.abc import Callable

from bedside.identity.refusal import Deaf

DEAF_AFTER_S = 15.0


class Hearing:
    """Deaf until it is told of a first moment. `seconds` goes on steadily, as `time.monotonic`."""

    def __init__(self, deaf_after_s: float = DEAF_AFTER_S, seconds: Callable[[], float] = time.monotonic) -> None:
        self._deaf_after_s = deaf_after_s
        self._seconds = seconds
        self._informed_at = float("-inf")

    def informed(self, at: float) -> None:
        """Nothing that was taken back until then, by `seconds`, is missing."""
        self._informed_at = max(self._informed_at, at)

    @property
    def age_s(self) -> float:
        """Infinite before the first word."""
        return self._seconds() - self._informed_at

    @property
    def deaf(self) -> bool:
        return self._seconds() - self._informed_at > self._deaf_after_s

    async def check(self) -> None:
        """For readiness: raises Deaf."""
        if self.deaf:
            raise Deaf
