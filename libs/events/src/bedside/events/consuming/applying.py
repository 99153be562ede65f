"""Applying facts: inbox, place in the stream, effect and what is told onwards commit together, or not at all."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from bedside.events.consuming.ledger import Key, Ledger, ParkedEvent, digest_of, key_of
from bedside.events.consuming.patience import Patience
from bedside.events.database import Busy, Connection, Database, Unavailable
from bedside.events.envelope import Event, Fact, UnknownSchema
from bedside.events.metering import Meter
from bedside.events.outbox import Cause, Outbox
from bedside.events.reaction import NeededUnavailable, Reaction, Unit

DRAINED_AT_ONCE = 50

_log = structlog.get_logger("bedside.events.consumer")


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why an event could not be applied. Only the error's name: its text might quote a patient."""

    reason: str
    error: str | None = None


@dataclass
class _Batch:
    """What one transaction has found and done so far."""

    places: dict[str, int]
    first_parked: dict[str, int]
    advanced: dict[str, int] = field(default_factory=dict)
    told: list[tuple[Fact, Event]] = field(default_factory=list)


class Applier:
    """Applies events for one reaction, one transaction at a time."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        reaction: Reaction,
        outbox: Outbox,
        *,
        consumer: str,
        patience: Patience,
        clock: Callable[[], datetime],
        meter: Meter,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._reaction = reaction
        self._outbox = outbox
        self._consumer = consumer
        self._patience = patience
        self._clock = clock
        self._meter = meter
        # Listening, draining and sweeping take turns.
        self._turn = asyncio.Lock()

    async def apply(self, events: Sequence[Event], *, killers: bool = False) -> bool:
        """Applies what is new, in the order given; True when parked events may be due now.

        `killers` are parked untried: whoever tried them before did not live to tell. Unavailable, Busy and
        NeededUnavailable mean that nothing was done.
        """
        async with self._turn:
            prepared = {} if killers else await self._prepare(await self._unseen(events))
            async with self._database.transaction() as connection:
                new = await self._ledger.receive(connection, events)
                fresh = self._without_duplicates(events, new)
                if len(fresh) < len(events):
                    await self._refuse_impostors(connection, events, new)
                streams = {event.stream for event in fresh}
                batch = _Batch(
                    places=await self._ledger.applied(connection, streams),
                    first_parked=await self._ledger.first_parked(connection, streams),
                )
                for event in fresh:
                    await self._take(connection, batch, event, prepared, killer=killers)
                return await self._finish(connection, batch)

    async def drain(self, stream: str) -> bool:
        """Tries the parked events of a stream, in order, as far as they go; True when there may be more."""
        async with self._turn:
            waiting = await self._peek(stream)
            prepared = await self._prepare([parked.event for parked in waiting])
            async with self._database.transaction() as connection:
                waiting = await self._ledger.parked(connection, stream, limit=DRAINED_AT_ONCE)
                batch = _Batch(places=await self._ledger.applied(connection, [stream]), first_parked={})
                done = 0
                for parked in waiting:
                    if self._unprepared(parked.event, prepared) or not await self._retry(
                        connection, batch, parked, prepared
                    ):
                        break
                    done += 1
                await self._finish(connection, batch)
                return done == DRAINED_AT_ONCE

    def _unprepared(self, event: Event, prepared: dict[Key, Any]) -> bool:
        """Parked since we looked: its turn comes with the next round."""
        needs = self._reaction.prepare is not None and self._reaction.handled(event)
        return needs and key_of(event) not in prepared

    async def start_at(self, stream: str, sequence: int) -> None:
        """Earlier facts of this stream are retained no longer: go on with those there are."""
        async with self._turn, self._database.transaction() as connection:
            await self._ledger.advance(connection, {stream: sequence - 1})
            await self._ledger.hasten(connection, [stream])

    async def _peek(self, stream: str) -> list[ParkedEvent]:
        if self._reaction.prepare is None:
            return []
        async with self._database.transaction() as connection:
            return await self._ledger.parked(connection, stream, limit=DRAINED_AT_ONCE)

    def _without_duplicates(self, events: Sequence[Event], new: set[Key]) -> list[Event]:
        fresh = {key_of(event): event for event in events if key_of(event) in new}
        duplicates = len(events) - len(fresh)
        if duplicates:
            self._meter.count("events_duplicate_total", duplicates, consumer=self._consumer)
        return list(fresh.values())

    async def _refuse_impostors(self, connection: Connection, events: Sequence[Event], new: set[Key]) -> None:
        """The same id with another body is nobody's retry."""
        received = await self._ledger.received(connection, events)
        for event in events:
            if received.get(key_of(event), digest_of(event)) != digest_of(event):
                self._meter.count("events_refused_total", consumer=self._consumer, reason="other-body")
                _log.error("an event came again with another body", consumer=self._consumer, event_id=event.id)

    async def _unseen(self, events: Sequence[Event]) -> Sequence[Event]:
        if self._reaction.prepare is None:
            return events
        received = await self._ledger.received(self._database, events)
        return [event for event in events if key_of(event) not in received]

    async def _prepare(self, events: Sequence[Event]) -> dict[Key, Any]:
        """What the reaction needs to read first; an error is kept, and counted as the event's own failure."""
        prepared: dict[Key, Any] = {}
        if self._reaction.prepare is None:
            return prepared
        for event in events:
            if not self._reaction.handled(event):
                continue
            try:
                prepared[key_of(event)] = await self._reaction.prepare(event)
            except (Unavailable, Busy, NeededUnavailable):
                raise
            except Exception as error:
                prepared[key_of(event)] = _failure(error)
        return prepared

    async def _take(
        self, connection: Connection, batch: _Batch, event: Event, prepared: dict[Key, Any], *, killer: bool
    ) -> None:
        place = batch.places.get(event.stream, 0)
        first_parked = batch.first_parked.get(event.stream)
        if event.sequence <= place:
            return
        if first_parked is not None and (event.sequence > first_parked or event.sequence > place + 1):
            failed: _Failed | None = _Failed("behind")
        elif event.sequence > place + 1:
            failed = _Failed("gap")
        elif killer:
            failed = _Failed("failed", "killed its consumer")
        else:
            failed = await self._try(connection, batch, event, prepared)
        if failed is None:
            batch.places[event.stream] = batch.advanced[event.stream] = event.sequence
        else:
            await self._park(connection, batch, event, failed)

    async def _park(self, connection: Connection, batch: _Batch, event: Event, failed: _Failed) -> None:
        attempts = 1 if failed.reason == "failed" else 0
        await self._ledger.park(
            connection,
            event,
            reason=failed.reason,
            error=failed.error,
            attempts=attempts,
            retry_after_s=self._patience.retry_after_s(attempts),
        )
        batch.first_parked[event.stream] = min(event.sequence, batch.first_parked.get(event.stream, event.sequence))
        self._meter.count("events_parked_total", consumer=self._consumer, reason=failed.reason)
        _log.warning("parked", consumer=self._consumer, event_id=event.id, reason=failed.reason, error=failed.error)

    async def _retry(
        self, connection: Connection, batch: _Batch, parked: ParkedEvent, prepared: dict[Key, Any]
    ) -> bool:
        """Whether the stream goes on behind it."""
        event = parked.event
        place = batch.places.get(event.stream, 0)
        if event.sequence > place + 1:
            await self._put_off(connection, event, _Failed("gap"), parked.attempts)
            return False
        if event.sequence == place + 1:
            failed = await self._try(connection, batch, event, prepared)
            if failed is not None:
                attempts = parked.attempts + (failed.reason == "failed")
                await self._put_off(connection, event, failed, attempts)
                return False
            batch.places[event.stream] = batch.advanced[event.stream] = event.sequence
        await self._ledger.release(connection, event)
        return True

    async def _put_off(self, connection: Connection, event: Event, failed: _Failed, attempts: int) -> None:
        await self._ledger.put_off(
            connection,
            event,
            reason=failed.reason,
            error=failed.error,
            attempts=attempts,
            retry_after_s=self._patience.retry_after_s(attempts),
        )
        if attempts >= self._patience.attempts_max:
            self._meter.count("events_stuck_total", consumer=self._consumer)
            _log.error("stuck", consumer=self._consumer, event_id=event.id, error=failed.error)

    async def _try(
        self, connection: Connection, batch: _Batch, event: Event, prepared: dict[Key, Any]
    ) -> _Failed | None:
        """Each try in a savepoint of its own, so that a failure leaves nothing behind."""
        if self._reaction.of_unknown_version(event):
            return _Failed("unknown-schema")
        if not self._reaction.handled(event):
            return None
        reads = prepared.get(key_of(event))
        if isinstance(reads, _Failed):
            return reads
        failed: _Failed | None = None
        for _ in range(self._patience.quick_tries):
            unit = Unit(connection, self._clock(), reads)
            try:
                async with connection.savepoint():
                    await self._reaction.handle(event, unit)
            except (Unavailable, Busy, NeededUnavailable):
                raise
            except Exception as error:
                failed = _failure(error)
                if failed.reason == "unknown-schema":
                    return failed
            else:
                batch.told.extend((fact, event) for fact in unit.told)
                return None
        return failed

    async def _finish(self, connection: Connection, batch: _Batch) -> bool:
        if batch.advanced:
            await self._ledger.advance(connection, batch.advanced)
            self._meter.count("events_applied_total", len(batch.advanced), consumer=self._consumer)
        ready = [stream for stream in batch.advanced if stream in batch.first_parked]
        if ready:
            await self._ledger.hasten(connection, ready)
        await self._tell(connection, batch.told)
        return bool(ready)

    async def _tell(self, connection: Connection, told: list[tuple[Fact, Event]]) -> None:
        """Last before the commit. Each fact says which event led to it."""
        causes = {event.id: event for _, event in told}
        for event in causes.values():
            cause = Cause(event.correlation_id, event.id, event.traceparent)
            facts = [fact for fact, origin in told if origin.id == event.id]
            await self._outbox.append(connection, facts, now=self._clock(), cause=cause)


def _failure(error: Exception) -> _Failed:
    if isinstance(error, UnknownSchema):
        return _Failed("unknown-schema")
    return _Failed("failed", type(error).__name__)
