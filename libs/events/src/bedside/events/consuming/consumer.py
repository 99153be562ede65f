"""Hearing facts: one queue, inbox and place per reaction; in order, once, and never given up in silence."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby

import structlog

from bedside.events.catalog import CATALOG
from bedside.events.consuming.applying import Applier
from bedside.events.consuming.ledger import Ledger
from bedside.events.consuming.patience import Patience
from bedside.events.consuming.sweeping import Sweeper
from bedside.events.database import Busy, Database, Unavailable
from bedside.events.envelope import Event, Undecodable
from bedside.events.feed import FeedReader, FeedUnavailable
from bedside.events.metering import Meter, NoMeter
from bedside.events.outbox import Outbox
from bedside.events.reaction import NeededUnavailable, Reaction
from bedside.events.transport import Binding, Delivery, Disconnected, Queue, Subscription, Transport

BATCH_MAX = 100
KILLER_REDELIVERIES = 5
DUE_AT_ONCE = 100
_AWAY = (Unavailable, Busy, NeededUnavailable)

_log = structlog.get_logger("bedside.events.consumer")


def queues_of(service: str, reactions: Iterable[Reaction]) -> tuple[Queue, ...]:
    """What a service needs at the broker; for `declare_topology`."""
    return tuple(_queue(service, reaction) for reaction in reactions)


def _queue(service: str, reaction: Reaction) -> Queue:
    bindings = tuple(Binding(owner, family) for owner in reaction.owners for family in reaction.families)
    return Queue(f"{service}.{reaction.name}", bindings)


class Consumer:
    """All reactions of one service. Without `feeds` a gap waits until the broker fills it."""

    def __init__(
        self,
        database: Database,
        transport: Transport,
        service: str,
        reactions: Sequence[Reaction],
        *,
        feeds: FeedReader | None = None,
        patience: Patience | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        meter: Meter | None = None,
    ) -> None:
        self.queues = queues_of(service, reactions)
        self._hearers = tuple(
            _Hearer(
                database,
                transport,
                reaction,
                queue,
                Outbox(f"/{service}"),
                feeds=feeds,
                patience=patience or Patience(),
                clock=clock,
                meter=meter or NoMeter(),
            )
            for reaction, queue in zip(reactions, self.queues, strict=True)
        )

    async def run(self) -> None:
        """Until cancelled. Ends by itself only through a bug, and then the process should end with it."""
        async with asyncio.TaskGroup() as tasks:
            for hearer in self._hearers:
                tasks.create_task(hearer.keep_listening())
                tasks.create_task(hearer.keep_draining())
                tasks.create_task(hearer.keep_sweeping())

    @property
    def listening(self) -> bool:
        """Whether every reaction's queue is being read; readiness asks."""
        return all(hearer.listening for hearer in self._hearers)


class _Hearer:
    """One reaction."""

    def __init__(
        self,
        database: Database,
        transport: Transport,
        reaction: Reaction,
        queue: Queue,
        outbox: Outbox,
        *,
        feeds: FeedReader | None,
        patience: Patience,
        clock: Callable[[], datetime],
        meter: Meter,
    ) -> None:
        self.listening = False
        self._database = database
        self._transport = transport
        self._reaction = reaction
        self._queue = queue
        self._patience = patience
        self._meter = meter
        self._due = asyncio.Event()
        self._ledger = Ledger(queue.name, database.dialect)
        self._applier = Applier(
            database,
            self._ledger,
            reaction,
            outbox,
            consumer=queue.name,
            patience=patience,
            clock=clock,
            meter=meter,
        )
        self._sweeper = None
        if feeds is not None:
            self._sweeper = Sweeper(
                database, self._ledger, reaction, feeds, self._apply, consumer=queue.name, meter=meter
            )

    async def keep_listening(self) -> None:
        pause_s = self._patience.away_first_s
        while True:
            try:
                async with self._transport.subscribe(self._queue) as subscription:
                    self.listening = True
                    pause_s = self._patience.away_first_s
                    while True:
                        await self._hear(subscription, await subscription.batch(BATCH_MAX))
            except Disconnected:
                self.listening = False
                self._meter.count("events_disconnected_total", consumer=self._queue.name)
                _log.warning("the queue cannot be read", consumer=self._queue.name, retry_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, self._patience.away_longest_s)

    async def _hear(self, subscription: Subscription, deliveries: Sequence[Delivery]) -> None:
        """Acknowledged only after the commit. What came before comes singly, in case it was what killed us."""
        for came_before, group in groupby(deliveries, lambda delivery: delivery.redeliveries > 0):
            together = list(group)
            for part in [[one] for one in together] if came_before else [together]:
                events = await self._readable(subscription, part)
                if events:
                    await self._apply_patiently(events, killers=part[0].redeliveries >= KILLER_REDELIVERIES)
                    await subscription.ack(part[-1])

    async def _readable(self, subscription: Subscription, deliveries: Sequence[Delivery]) -> list[Event]:
        events = []
        for delivery in deliveries:
            try:
                event = Event.parse(delivery.body)
                _must_be_told_by(delivery.owner, event)
            except Undecodable as error:
                self._meter.count("events_refused_total", consumer=self._queue.name, reason="undecodable")
                _log.error("refused", consumer=self._queue.name, reason=str(error))
                await subscription.reject(delivery)
            else:
                events.append(event)
        return events

    async def _apply_patiently(self, events: Sequence[Event], *, killers: bool) -> None:
        """A database or a service that is away is not the events' fault: they wait, unacknowledged."""
        pause_s = self._patience.away_first_s
        while True:
            try:
                await self._apply(events, killers=killers)
            except _AWAY as error:
                self._meter.count("events_waited_total", consumer=self._queue.name)
                _log.warning("consuming waits", consumer=self._queue.name, reason=type(error).__name__)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, self._patience.away_longest_s)
            else:
                return

    async def _apply(self, events: Sequence[Event], *, killers: bool = False) -> bool:
        due = await self._applier.apply(events, killers=killers)
        if due:
            self._due.set()
        return due

    async def keep_draining(self) -> None:
        while True:
            try:
                await self._drain()
            except _AWAY as error:
                _log.warning("retrying waits", consumer=self._queue.name, reason=type(error).__name__)
                await asyncio.sleep(self._patience.away_first_s)
            await _set_or_after(self._due, self._patience.look_s)

    async def _drain(self) -> None:
        due = await self._ledger.due(self._database, attempts_max=self._patience.attempts_max, limit=DUE_AT_ONCE)
        for stream in due:
            while await self._applier.drain(stream):
                pass
        if len(due) == DUE_AT_ONCE:
            self._due.set()

    async def keep_sweeping(self) -> None:
        """At the start everything: what a crash lost is found now. Then at times, and whenever something is missing."""
        next_sweep = 0.0
        while True:
            clock = asyncio.get_running_loop().time()
            try:
                if self._sweeper is not None and clock >= next_sweep:
                    await self._sweeper.sweep(older_than_s=self._patience.sweep_older_than_s if next_sweep else 0.0)
                    next_sweep = clock + self._patience.sweep_every_s
                    await self._gauge()
                await self._fill_gaps()
            except (*_AWAY, FeedUnavailable) as error:
                _log.warning("sweeping waits", consumer=self._queue.name, reason=type(error).__name__)
            await asyncio.sleep(self._patience.look_s)

    async def _fill_gaps(self) -> None:
        if self._sweeper is None:
            return
        gaps = await self._ledger.gaps(self._database, older_than_s=self._patience.gap_s, limit=DUE_AT_ONCE)
        if not gaps:
            return
        await self._sweeper.sweep(older_than_s=0.0)
        # An event's predecessor has a lower position, so the sweep has passed it: if it was there, it was applied.
        for stream, first in await self._ledger.gaps(
            self._database, older_than_s=self._patience.gap_s, limit=DUE_AT_ONCE
        ):
            await self._go_on_without(stream, first)
        self._due.set()

    async def _go_on_without(self, stream: str, first: int) -> None:
        async with self._database.transaction() as connection:
            place = (await self._ledger.applied(connection, [stream])).get(stream, 0)
        if first <= place + 1:
            return
        if place > 0:
            self._meter.count("events_lost_total", first - place - 1, consumer=self._queue.name)
            _log.error("facts are retained no longer", consumer=self._queue.name, missing=first - place - 1)
            if self._reaction.resync is not None:
                await self._reaction.resync(stream)
        await self._applier.start_at(stream, first)

    async def _gauge(self) -> None:
        counts = await self._ledger.counts(self._database)
        for reason in ("failed", "gap", "behind", "unknown-schema"):
            self._meter.gauge("events_parked", counts.get(reason, 0), consumer=self._queue.name, reason=reason)


def _must_be_told_by(owner: str, event: Event) -> None:
    """A fact that came through another service's exchange than its owner's is forged."""
    allowed = {kind.routing_key: kind.owners for kind in CATALOG}.get(event.routing_key, (event.owner,))
    if owner != event.owner or owner not in allowed:
        raise Undecodable(f"{event.routing_key} is not for {owner} to tell")


async def _set_or_after(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        pass
    event.clear()
