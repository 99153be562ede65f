"""Where the library says how it fares; who listens is the service's business."""

from typing import Protocol


class Meter(Protocol):
    """Names are as `events_published_total`; labels never hold more than names of services, consumers and reasons."""

    def count(self, name: str, amount: int = 1, **labels: str) -> None: ...

    def gauge(self, name: str, value: float, **labels: str) -> None: ...


class NoMeter:
    """Nobody listens."""

    def count(self, name: str, amount: int = 1, **labels: str) -> None: ...

    def gauge(self, name: str, value: float, **labels: str) -> None: ...
