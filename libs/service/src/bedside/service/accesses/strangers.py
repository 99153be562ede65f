"""How much is told of callers whom nobody knows: strangers could otherwise fill the journal, and so close the house."""

import time
from collections.abc import Callable

TOLD_AT_ONCE = 20
TOLD_PER_S = 2.0


class Strangers:
    """Twenty at once and two a second; what is beyond is counted. `now` is in seconds, of any beginning."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._left = float(TOLD_AT_ONCE)
        self._at = now()
        self._untold = 0

    def may_be_told(self) -> bool:
        now = self._now()
        self._left = min(self._left + (now - self._at) * TOLD_PER_S, float(TOLD_AT_ONCE))
        self._at = now
        if self._left < 1:
            self._untold += 1
            return False
        self._left -= 1
        return True

    def untold(self) -> int:
        """How many there were since this was last asked."""
        untold, self._untold = self._untold, 0
        return untold
