"""Comparing the owners' feeds with the inbox: finds what no broker and no gap can show, a stream's lost last event."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from bedside.events.consuming.ledger import Ledger, digest_of, key_of
from bedside.events.database import Database
from bedside.events.envelope import Event
from bedside.events.feed import FEED_PAGE_MAX, FeedPage, FeedReader
from bedside.events.metering import Meter
from bedside.events.reaction import Reaction

APPLIED_AT_ONCE = 100

_log = structlog.get_logger("bedside.events.consumer")


class Sweeper:
    """Sweeps for one consumer; `apply` is given what is missing, in order of position."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        reaction: Reaction,
        feeds: FeedReader,
        apply: Callable[[Sequence[Event]], Awaitable[bool]],
        *,
        consumer: str,
        meter: Meter,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._reaction = reaction
        self._feeds = feeds
        self._apply = apply
        self._consumer = consumer
        self._meter = meter

    async def sweep(self, *, older_than_s: float) -> int:
        """Returns how many were missing. Younger events may still be on their way, and are left to the next sweep.

        FeedUnavailable when an owner does not answer; what was swept until then stays so.
        """
        missing = 0
        for owner in self._reaction.owners:
            while (found := await self._sweep_page(owner, older_than_s)) is not None:
                missing += found
        if missing:
            self._meter.count("events_swept_total", missing, consumer=self._consumer)
            _log.warning("the feed held what no queue brought", consumer=self._consumer, missing=missing)
        return missing

    async def _sweep_page(self, owner: str, older_than_s: float) -> int | None:
        """How many were missing on the next page; None at the end."""
        swept = await self._ledger.swept(self._database, owner)
        position = swept[1] if swept is not None else 0
        page = await self._feeds.after(owner, position, FEED_PAGE_MAX)
        self._meter.gauge("events_lag", max(0, page.head - position), consumer=self._consumer, source=owner)
        if swept is not None and swept[0] != page.epoch:
            await self._begin_again(owner, page)
            return 0
        old = _older(page, older_than_s)
        if not old:
            return None
        missing = await self._missing([event for _, event in old])
        for start in range(0, len(missing), APPLIED_AT_ONCE):
            await self._apply(missing[start : start + APPLIED_AT_ONCE])
        async with self._database.transaction() as connection:
            await self._ledger.sweep(connection, owner, epoch=page.epoch, position=old[-1][0])
        return len(missing)

    async def _missing(self, events: Sequence[Event]) -> list[Event]:
        wanted = [event for event in events if event.family in self._reaction.families]
        received = await self._ledger.received(self._database, wanted) if wanted else {}
        return [event for event in wanted if received.get(key_of(event)) != digest_of(event)]

    async def _begin_again(self, owner: str, page: FeedPage) -> None:
        """The owner's database was restored: its positions mean something else now."""
        self._meter.count("events_new_epoch_total", consumer=self._consumer, source=owner)
        _log.error("a feed has a new epoch", consumer=self._consumer, source=owner, epoch=page.epoch)
        async with self._database.transaction() as connection:
            await self._ledger.sweep(connection, owner, epoch=page.epoch, position=0)


def _older(page: FeedPage, than_s: float) -> list[tuple[int, Event]]:
    """Up to the first that is too young: nothing is passed over."""
    old = []
    for entry in page.entries:
        if entry.age_s < than_s:
            break
        old.append((entry.position, entry.event))
    return old
