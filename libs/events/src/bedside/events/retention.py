"""Forgetting what nobody needs any longer, a little at a time, so that nobody waits for it."""

import asyncio

import structlog

from bedside.events.database import MICROSECONDS_NOW, Busy, Database, Unavailable

OUTBOX_DAYS = 14
# Above what the outbox and the dead letters keep together, or a replay would apply twice.
INBOX_DAYS = 30
DELETED_AT_ONCE = 1_000
EVERY_S = 3_600.0
_DAY_US = 24 * 3_600 * 1_000_000

_log = structlog.get_logger("bedside.events.retention")


class Retention:
    """Only published facts are forgotten; `told` and `feed_head` keep their numbers unique for ever."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Every hour, until cancelled."""
        while True:
            try:
                await self.forget()
            except (Unavailable, Busy) as error:
                _log.warning("forgetting waits", reason=type(error).__name__)
            await asyncio.sleep(EVERY_S)

    async def forget(self) -> int:
        """Returns how many rows were deleted."""
        now = MICROSECONDS_NOW[self._database.dialect]
        outbox = f"""
            DELETE FROM outbox WHERE seq IN (
                SELECT seq FROM outbox WHERE published_at IS NOT NULL AND occurred_at < {now} - {OUTBOX_DAYS * _DAY_US}
                 ORDER BY seq LIMIT {DELETED_AT_ONCE})"""
        inbox = f"""
            DELETE FROM inbox WHERE (consumer, event_id, type) IN (
                SELECT consumer, event_id, type FROM inbox WHERE received_at < {now} - {INBOX_DAYS * _DAY_US}
                 LIMIT {DELETED_AT_ONCE})"""
        return await self._delete(outbox) + await self._delete(inbox)

    async def _delete(self, statement: str) -> int:
        total = 0
        while True:
            async with self._database.transaction() as connection:
                count = await connection.execute(statement)
            total += count
            if count < DELETED_AT_ONCE:
                return total
            await asyncio.sleep(0.05)
