"""The retained outbox by position: what replay, gaps and sweeps read, broker or not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import orjson

from bedside.events.database import MICROSECONDS_NOW, Database
from bedside.events.envelope import Event, Undecodable

FEED_PAGE_MAX = 500


class FeedUnavailable(Exception):
    """The service whose feed was asked does not answer. Trying later may help."""


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """`age_s` is by the clock of the feed's database."""

    position: int
    age_s: float
    event: Event


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Entries by ascending position. `head` is the last position given so far; `epoch` changes after a restore."""

    epoch: int
    head: int
    entries: tuple[FeedEntry, ...]

    def emit(self) -> bytes:
        """As `GET /events?after=` sends it."""
        return orjson.dumps(
            {
                "epoch": self.epoch,
                "head": self.head,
                "events": [
                    {"position": entry.position, "age": entry.age_s, "event": orjson.Fragment(entry.event.body)}
                    for entry in self.entries
                ],
            }
        )

    @classmethod
    def parse(cls, body: bytes) -> "FeedPage":
        """Undecodable when it is not what `emit` gave.

        An event parsed and emitted again has its very bytes: it holds no floats, and its elements keep their order.
        """
        try:
            page = orjson.loads(body)
            entries = tuple(
                FeedEntry(entry["position"], entry["age"], Event.parse(orjson.dumps(entry["event"])))
                for entry in page["events"]
            )
            return cls(page["epoch"], page["head"], entries)
        except (ValueError, KeyError, TypeError) as error:
            raise Undecodable("not a page of a feed") from error


class FeedReader(Protocol):
    """Another service's feed, however it is reached. `owner` is as `patients`."""

    async def after(self, owner: str, position: int, limit: int) -> FeedPage:
        """FeedUnavailable when it does not answer."""
        ...


class Feed:
    """This service's own feed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def after(self, position: int, limit: int = FEED_PAGE_MAX) -> FeedPage:
        """`limit` 1 to 500. Positions may be missing at the beginning, where retention has ended."""
        now = MICROSECONDS_NOW[self._database.dialect]
        head = await self._database.fetch_row("SELECT epoch, position FROM feed_head")
        assert head is not None, "the migration made one row"
        rows = await self._database.fetch(
            f"SELECT position, {now} - occurred_at, body FROM outbox WHERE position > $1 ORDER BY position LIMIT $2",
            position,
            max(1, min(limit, FEED_PAGE_MAX)),
        )
        entries = tuple(FeedEntry(row[0], row[1] / 1_000_000, Event.parse(bytes(row[2]))) for row in rows)
        return FeedPage(epoch=head[0], head=head[1], entries=entries)


class LocalFeeds:
    """The feeds of services in this process, by owner."""

    def __init__(self, feeds: Mapping[str, Feed]) -> None:
        self._feeds = feeds

    async def after(self, owner: str, position: int, limit: int) -> FeedPage:
        if owner not in self._feeds:
            raise FeedUnavailable(owner)
        return await self._feeds[owner].after(position, limit)
