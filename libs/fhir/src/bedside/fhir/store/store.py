"""The store as interactions see it: drafts in, versions out, whoever else is writing."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

from bedside.events import Outbox
from bedside.events.database import Busy, Connection, Database
from bedside.fhir.client import Unreachable
from bedside.fhir.declaration import Service
from bedside.fhir.existence import rows
from bedside.fhir.existence.peers import Existence, Peers, Unheard
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.store.draft import Author, Draft, Written
from bedside.fhir.store.grouping import Groups, groupable
from bedside.fhir.store.writer import Writer

_ATTEMPTS_MAX = 8
_PAUSE_S = 0.02
Then = Callable[[Connection, list[Written]], Awaitable[None]]


class _GivenUp(Exception):
    """Ends a transaction that was only rehearsed."""


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """Aware, UTC."""
        ...


class RealClock:
    """The machine's."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class Store:
    """What one service owns."""

    def __init__(self, database: Database, writer: Writer, peers: Peers | None, clock: Clock) -> None:
        self.database = database
        self._writer = writer
        self.peers = peers
        self.clock = clock
        self._groups = Groups(self._together)

    async def commit(self, drafts: Sequence[Draft], author: Author, then: Then | None = None) -> list[Written]:
        """Everything or nothing; one answer per draft, given after the commit.

        `then` runs in the same transaction, after the writes. Refused when a draft cannot be; Busy when it lost to
        others again and again.
        """
        if then is None and groupable(drafts):
            written = await self._groups.written(drafts[0], author)
            if written is not None:
                return [written]
            drafts[0].request = 0
        return await self._alone(drafts, author, then)

    async def _alone(self, drafts: Sequence[Draft], author: Author, then: Then | None) -> list[Written]:
        heard: dict[str, Existence] = {}
        for attempt in range(_ATTEMPTS_MAX):
            try:
                return await self._once(drafts, [author], heard, then)
            except Unheard as unheard:
                heard |= await self._ask(unheard.references)
            except Busy:
                if attempt + 1 == _ATTEMPTS_MAX:
                    raise
                # Those who collided must not meet again at the same moment.
                await asyncio.sleep(_PAUSE_S * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311 - nothing secret
        raise Busy("references kept changing while they were looked up")

    async def rehearse(self, drafts: Sequence[Draft], author: Author) -> None:
        """As `commit`, and then nothing of it is kept. Refused as a commit would be."""

        async def give_up(connection: Connection, written: list[Written]) -> None:
            raise _GivenUp

        with suppress(_GivenUp):
            await self.commit(drafts, author, give_up)

    async def _together(self, drafts: Sequence[Draft], authors: Sequence[Author]) -> list[Written]:
        return await self._once(drafts, authors, {}, None)

    async def _once(
        self, drafts: Sequence[Draft], authors: Sequence[Author], heard: dict[str, Existence], then: Then | None
    ) -> list[Written]:
        async with self.database.transaction() as connection:
            written = await self._writer.write(connection, drafts, now=self.clock.now(), authors=authors, heard=heard)
            if then is not None:
                await then(connection, written)
        return written

    async def _ask(self, references: frozenset[str]) -> dict[str, Existence]:
        """What the other owners say; it is remembered from here on."""
        assert self.peers is not None, "without peers nothing is unheard of"
        try:
            answered = await self.peers.existing(references)
        except Unreachable as error:
            text = "the service that owns a referenced resource does not answer; try again later"
            raise Refused(503, [Issue("transient", text)]) from error
        await self._remember({key: existence for key, existence in answered.items() if existence.version})
        return {key: answered.get(key, Existence(exists=False)) for key in references}

    async def _remember(self, heard: Mapping[str, Existence]) -> None:
        """In a transaction of its own: a write only shares these rows with others.

        Were they written there too, two writes that share a row would each wait for the other to let go of it. To lose
        here is no loss: what is heard counts for the write that asked, and the next one asks again.
        """
        if not heard:
            return
        with suppress(Busy):
            async with self.database.transaction() as connection:
                await rows.remember(connection, heard)


def new_store(
    service: Service,
    *,
    database: Database,
    base_url: str,
    peers: Peers | None = None,
    clock: Clock | None = None,
    check_references: bool = True,
) -> Store:
    """The store of `service`. Without `peers`, references to other owners' types are taken as they come."""
    writer = Writer(
        service=service,
        outbox=Outbox(source=f"/{service.name}"),
        base_url=base_url,
        ask=peers is not None,
        relaxed=not check_references,
    )
    return Store(database=database, writer=writer, peers=peers, clock=clock or RealClock())
