"""What a broker must do for us, whichever it is: at least once, in order within a wave's queue, confirmed."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol


class Disconnected(Exception):
    """The broker is away, or what we listened to is. Unacknowledged deliveries come again after reconnecting."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One event on its way. `position` names it in the confirmation; `owner` is the service that tells it."""

    position: int
    epoch: int
    id: str
    owner: str
    routing_key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event arrived. `owner` is whose exchange it came through; `redeliveries` how often it came before.

    `position` and `epoch` are those of its owner's feed; 0 when the broker did not say.
    """

    body: bytes
    owner: str
    redeliveries: int
    tag: Any
    position: int = 0
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Binding:
    """All facts of a family told by a service; the family `#` is every one."""

    owner: str
    family: str

    def takes(self, owner: str, routing_key: str) -> bool:
        return self.owner == owner and self.family in ("#", routing_key.partition(".")[0])

    @property
    def pattern(self) -> str:
        """As a topic exchange matches routing keys."""
        return "#" if self.family == "#" else f"{self.family}.#"


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue for one consumer, shared by its replicas; or, if not `shared`, one that ends with its reader."""

    name: str
    bindings: tuple[Binding, ...]
    shared: bool = True


class Subscription(Protocol):
    """The one active reader of a queue."""

    async def batch(self, most: int) -> Sequence[Delivery]:
        """Waits for at least one. Disconnected when no more will come."""
        ...

    async def ack(self, delivery: Delivery) -> None:
        """This one and all before it."""
        ...

    async def reject(self, delivery: Delivery) -> None:
        """This one goes to the dead letters."""
        ...


class Transport(Protocol):
    """Publishing and subscribing."""

    async def publish(self, wave: Sequence[Outgoing]) -> frozenset[int]:
        """The positions of those that every bound queue has taken. The others may have arrived too."""
        ...

    def subscribe(self, queue: Queue) -> AbstractAsyncContextManager[Subscription]:
        """Waits while another reader of a shared queue is active. Disconnected when the broker or the queue is away."""
        ...

    async def declare(self, queues: Sequence[Queue]) -> None:
        """Makes exchanges, queues and bindings: a deploy step. Safe to run twice."""
        ...

    async def close(self) -> None: ...


def pulse_of(owner: str) -> str:
    """The name under which an owner's pulses are sent: they are not among its facts."""
    return f"{owner}.pulse"
