"""Hearing facts without keeping them: for what each running instance holds in memory, as denylists and caches."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import structlog

from bedside.events.catalog import EventData
from bedside.events.envelope import Event, Undecodable
from bedside.events.transport import Binding, Disconnected, Queue, Transport

BATCH_MAX = 100
RETRY_S = 1.0

_log = structlog.get_logger("bedside.events.listener")


class Listener:
    """`on_connected` runs whenever listening begins, also again after a loss: whatever was known before may be stale.

    `handle` is called for each of `events`, in order, at least once; an error it raises ends `run`.
    """

    def __init__(
        self,
        transport: Transport,
        service: str,
        events: tuple[type[EventData], ...],
        handle: Callable[[Event], Awaitable[None]],
        *,
        on_connected: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        bindings = {Binding(owner, kind.family()) for kind in events for owner in kind.owners}
        ordered = tuple(sorted(bindings, key=lambda binding: (binding.owner, binding.family)))
        self._queue = Queue(f"{service}.instance.{uuid.uuid4()}", ordered, shared=False)
        self._transport = transport
        self._events = events
        self._handle = handle
        self._on_connected = on_connected
        self.listening = False

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                async with self._transport.subscribe(self._queue) as subscription:
                    self.listening = True
                    if self._on_connected is not None:
                        await self._on_connected()
                    while True:
                        deliveries = await subscription.batch(BATCH_MAX)
                        for delivery in deliveries:
                            await self._hear(delivery.body)
                        await subscription.ack(deliveries[-1])
            except Disconnected:
                _log.warning("the queue cannot be read", consumer=self._queue.name)
            self.listening = False
            await asyncio.sleep(RETRY_S)

    async def _hear(self, body: bytes) -> None:
        try:
            event = Event.parse(body)
        except Undecodable as error:
            _log.error("refused", consumer=self._queue.name, reason=str(error))
            return
        if any(event.is_a(kind) for kind in self._events):
            await self._handle(event)
