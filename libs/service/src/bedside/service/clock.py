"""What time it is: always aware, always UTC."""

from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Protocol

# Set for one request by the header X-Test-Now.
requested_now: ContextVar[datetime | None] = ContextVar("requested_now", default=None)


class Clock(Protocol):
    def now(self) -> datetime: ...


class RealClock:
    """The time of versions, tokens, grants, caches and logs. Tests cannot move it."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ViewClock:
    """The *now* of views and rules: what a request asks for in test mode, else the fixed clock, else the real time."""

    def __init__(self, fixed: datetime | None = None) -> None:
        self._fixed = fixed

    def now(self) -> datetime:
        return requested_now.get() or self._fixed or datetime.now(UTC)
