"""Small builders: a service that tells, a service that hears, and waiting for what should come true."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from bedside.events import Consumer, Event, Fact, Outbox, Patience, Reaction, Transport, Unit
from bedside.events.catalog import PatientMerged, ResourceCreated, ResourceDeleted
from bedside.events.database import Database
from bedside.events.envelope import envelope, new_event_id
from bedside.events.feed import FeedReader

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
IMPATIENT = Patience(
    retry_first_s=0.05,
    retry_longest_s=0.2,
    gap_s=0.1,
    look_s=0.05,
    sweep_every_s=0.2,
    sweep_older_than_s=0.0,
    away_first_s=0.05,
    away_longest_s=0.1,
)
PATIENT = Patience(look_s=0.05, sweep_every_s=3600, gap_s=3600, away_first_s=0.05, away_longest_s=0.1)


def created(subject: str, version: int = 1) -> Fact:
    return Fact(ResourceCreated(), subject, version)


async def tell(database: Database, *facts: Fact) -> None:
    async with database.transaction() as connection:
        await Outbox("/patients").append(connection, facts, now=NOW)


def event(
    subject: str = "Practitioner/x", sequence: int = 1, fact: Fact | None = None, source: str = "/patients"
) -> Event:
    return Event.parse(
        envelope(
            fact or created(subject, sequence),
            source=source,
            event_id=new_event_id(NOW),
            sequence=sequence,
            now=NOW,
            correlation_id="c",
        )
    )


class Notebook:
    """A reaction that writes down what it hears, in its transaction; `before` may refuse."""

    events = (ResourceCreated, ResourceDeleted, PatientMerged)

    def __init__(self, database: Database, before: Callable[[Event, Unit], Awaitable[None]] | None = None) -> None:
        self._database = database
        self._before = before

    async def open(self) -> None:
        async with self._database.transaction() as connection:
            await connection.execute("CREATE TABLE IF NOT EXISTS note(n integer, subject text, sequence integer)")

    async def _handle(self, event: Event, unit: Unit) -> None:
        await unit.connection.execute(
            "INSERT INTO note SELECT coalesce(max(n), 0) + 1, $1, $2 FROM note", event.subject, event.sequence
        )
        if self._before is not None:
            await self._before(event, unit)

    def reaction(self) -> Reaction:
        return Reaction("note", self.events, self._handle)

    async def heard(self) -> list[tuple[str, int]]:
        return [(row[0], row[1]) for row in await self._database.fetch("SELECT subject, sequence FROM note ORDER BY n")]

    async def heard_of(self, subject: str) -> list[int]:
        return [sequence for of, sequence in await self.heard() if of == subject]


async def notebook(database: Database, before: Callable[[Event, Unit], Awaitable[None]] | None = None) -> Notebook:
    book = Notebook(database, before)
    await book.open()
    return book


def consumer(
    database: Database,
    transport: Transport,
    reactions: Reaction | Sequence[Reaction],
    *,
    feeds: FeedReader | None = None,
    patience: Patience = IMPATIENT,
) -> Consumer:
    several = [reactions] if isinstance(reactions, Reaction) else reactions
    return Consumer(database, transport, "reader", several, feeds=feeds, patience=patience, clock=lambda: NOW)


@asynccontextmanager
async def running(*services: Callable[[], Awaitable[None]]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """As in a process: `running(relay.run, consumer.run)`. At the end they are cancelled, as by SIGTERM."""
    tasks = [asyncio.ensure_future(service()) for service in services]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def eventually(found: Callable[[], Awaitable[object]], expected: object, *, within_s: float = 20.0) -> None:
    """Asserts that `found` comes to give `expected`."""
    deadline = asyncio.get_running_loop().time() + within_s
    seen = await found()
    while seen != expected and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
        seen = await found()
    assert seen == expected


async def parked(database: Database) -> list[tuple[str, int, str]]:
    rows = await database.fetch("SELECT stream, sequence, reason FROM parked ORDER BY stream, sequence")
    return [(row[0], row[1], row[2]) for row in rows]


async def count(database: Database, what: str) -> int:
    row = await database.fetch_row(f"SELECT count(*) FROM {what}")
    assert row is not None
    return int(row[0])
