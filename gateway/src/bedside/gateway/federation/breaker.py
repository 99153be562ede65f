"""Stops asking an owner that does not answer, for a moment, so that callers are told at once."""

import time
from collections.abc import Callable

FAILURES_MAX = 5
PAUSE_S = 1.0


class Breaker:
    """Opens after FAILURES_MAX failures in a row; after PAUSE_S each pause lets one request try."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._failures = 0
        self._closed_until_s = 0.0

    def admits(self) -> bool:
        if self._failures < FAILURES_MAX:
            return True
        now_s = self._monotonic_s()
        if now_s < self._closed_until_s:
            return False
        self._closed_until_s = now_s + PAUSE_S
        return True

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
        self._closed_until_s = self._monotonic_s() + PAUSE_S
