"""A broker inside the process: bounded, in memory. What it loses in a crash, the sweep of the feeds brings back."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bedside.events.transport.port import Delivery, Disconnected, Outgoing, Queue

DEAD_LETTERS_MAX = 100


@dataclass(slots=True)
class _Waiting:
    event: Outgoing
    redeliveries: int = 0


@dataclass
class _MemoryQueue:
    declared: Queue
    waiting: deque[_Waiting] = field(default_factory=deque)
    unacknowledged: deque[tuple[int, _Waiting]] = field(default_factory=deque)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    active: asyncio.Lock = field(default_factory=asyncio.Lock)
    tag: int = 0
    cut: bool = False

    def wants(self, event: Outgoing) -> bool:
        return any(binding.takes(event.owner, event.routing_key) for binding in self.declared.bindings)

    def __len__(self) -> int:
        return len(self.waiting) + len(self.unacknowledged)

    def requeue(self) -> None:
        """What was not acknowledged comes again, first and in order."""
        for _, waiting in reversed(self.unacknowledged):
            waiting.redeliveries += 1
            self.waiting.appendleft(waiting)
        self.unacknowledged.clear()
        if self.waiting:
            self.arrived.set()


class _MemorySubscription:
    def __init__(self, queue: _MemoryQueue, dead: deque[bytes]) -> None:
        self._queue = queue
        self._dead = dead

    async def batch(self, most: int) -> Sequence[Delivery]:
        queue = self._queue
        while not queue.waiting:
            if queue.cut:
                raise Disconnected(queue.declared.name)
            queue.arrived.clear()
            await queue.arrived.wait()
        if queue.cut:
            raise Disconnected(queue.declared.name)
        deliveries: list[Delivery] = []
        while queue.waiting and len(deliveries) < most:
            waiting = queue.waiting.popleft()
            queue.tag += 1
            queue.unacknowledged.append((queue.tag, waiting))
            event = waiting.event
            deliveries.append(
                Delivery(event.body, event.owner, waiting.redeliveries, queue.tag, event.position, event.epoch)
            )
        return deliveries

    async def ack(self, delivery: Delivery) -> None:
        if self._queue.cut:
            raise Disconnected(self._queue.declared.name)
        while self._queue.unacknowledged and self._queue.unacknowledged[0][0] <= delivery.tag:
            self._queue.unacknowledged.popleft()

    async def reject(self, delivery: Delivery) -> None:
        if self._queue.cut:
            raise Disconnected(self._queue.declared.name)
        self._dead.append(delivery.body)
        kept = [entry for entry in self._queue.unacknowledged if entry[0] != delivery.tag]
        self._queue.unacknowledged = deque(kept)


class InProcessTransport:
    """Each queue holds at most `capacity` events; a full one refuses, and the relay tries again later."""

    def __init__(self, *, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._queues: dict[str, _MemoryQueue] = {}
        self._declared = False
        self.dead_letters: deque[bytes] = deque(maxlen=DEAD_LETTERS_MAX)

    async def publish(self, wave: Sequence[Outgoing]) -> frozenset[int]:
        return frozenset(event.position for event in wave if self._offer(event))

    def _offer(self, event: Outgoing) -> bool:
        wanting = [queue for queue in self._queues.values() if queue.wants(event)]
        if not wanting:
            # Once the topology is declared, a fact that nobody waits for is at home in the feed alone.
            return self._declared
        if any(len(queue) >= self._capacity for queue in wanting):
            return False
        for queue in wanting:
            queue.waiting.append(_Waiting(event))
            queue.arrived.set()
        return True

    @asynccontextmanager
    async def subscribe(self, queue: Queue) -> AsyncIterator[_MemorySubscription]:
        memory = self._queues.setdefault(queue.name, _MemoryQueue(queue))
        async with memory.active:
            memory.cut = False
            try:
                yield _MemorySubscription(memory, self.dead_letters)
            finally:
                memory.requeue()
                if not queue.shared:
                    self._queues.pop(queue.name, None)

    async def declare(self, queues: Sequence[Queue]) -> None:
        self._declared = True
        for queue in queues:
            self._queues.setdefault(queue.name, _MemoryQueue(queue)).declared = queue

    def cut(self) -> None:
        """As if the connection broke: every reader is disconnected, and what it held comes again."""
        for queue in self._queues.values():
            if queue.active.locked():
                queue.cut = True
                queue.arrived.set()

    def lose(self) -> None:
        """As if the process had been killed: what waited in memory is gone."""
        for queue in self._queues.values():
            queue.waiting.clear()
            queue.unacknowledged.clear()

    async def close(self) -> None:
        self.cut()
