"""From the outbox to the broker: numbered, in order within each subject, marked only when confirmed."""

import asyncio
import json
import uuid
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

import structlog

from bedside.events.database import MICROSECONDS_NOW, Busy, Database, Row, Unavailable
from bedside.events.metering import Meter, NoMeter
from bedside.events.outbox import WAKE_UP
from bedside.events.transport import Outgoing, Transport

NUMBERED_AT_ONCE = 500
READ_AT_ONCE = 400
POLL_S = 1.0
LEASE_S = 10
RENEW_S = 3.0
BACK_OFF_FIRST_S = 0.2
BACK_OFF_LONGEST_S = 5.0
GAUGES_S = 15.0

_log = structlog.get_logger("bedside.events.relay")

_NUMBER = """
    UPDATE outbox SET position = $1 + n.k
      FROM (SELECT seq, row_number() OVER (ORDER BY seq) AS k
              FROM (SELECT seq FROM outbox WHERE position IS NULL ORDER BY seq LIMIT $2) AS first) AS n
     WHERE outbox.seq = n.seq"""


class Relay:
    """Tells what `source` (as `/patients`) has in its outbox. Any number may run: each shard has one at a time."""

    def __init__(self, database: Database, transport: Transport, source: str, *, meter: Meter | None = None) -> None:
        self._database = database
        self._transport = transport
        self._owner = source.lstrip("/")
        self._meter = meter or NoMeter()
        self._numbered = asyncio.Event()
        self._now = MICROSECONDS_NOW[database.dialect]
        self._on_postgresql = database.dialect == "postgresql"
        self._lease = uuid.uuid4()
        # A file has one service, so the lease found there is of a process that was killed: its facts need not wait.
        self._takes_over = "false" if self._on_postgresql else "true"
        self._leased_at: float | None = None
        self._shards: tuple[int, ...] = ()

    async def run(self) -> None:
        """Until cancelled. Ends by itself only through a bug, and then the process should end with it."""
        try:
            async with asyncio.TaskGroup() as tasks:
                # Numbering is its own task: the feed moves on while the broker is away.
                tasks.create_task(self._keep_numbering())
                tasks.create_task(self._keep_publishing())
                tasks.create_task(self._keep_gauging())
        finally:
            # Whoever comes next need not wait for the lease to run out.
            with suppress(Unavailable, Busy):
                await self.release()

    async def _keep_numbering(self) -> None:
        async with self._database.listen(WAKE_UP) as signal:
            while True:
                try:
                    while await self.number() == NUMBERED_AT_ONCE:
                        pass
                except (Unavailable, Busy) as error:
                    _log.warning("numbering waits", reason=type(error).__name__)
                    await asyncio.sleep(POLL_S)
                await signal.wait(POLL_S)

    async def number(self) -> int:
        """Gives the next events their positions, and says how many they were."""
        # Looked at first outside a transaction: an idle relay must not take the writer's place every second.
        if await self._database.fetch_row("SELECT 1 FROM outbox WHERE position IS NULL LIMIT 1") is None:
            return 0
        lock = " FOR UPDATE" if self._on_postgresql else ""
        async with self._database.transaction() as connection:
            # The lock makes positions visible in their order, so that a reader of the feed never overtakes one.
            head = await connection.fetch_row(f"SELECT position FROM feed_head{lock}")
            assert head is not None, "the migration made one row"
            count = await connection.execute(_NUMBER, int(head[0]), NUMBERED_AT_ONCE)
            await connection.execute("UPDATE feed_head SET position = position + $1", count)
        self._numbered.set()
        return count

    async def _keep_publishing(self) -> None:
        pause_s = BACK_OFF_FIRST_S
        while True:
            try:
                pending, published = await self.publish()
            except (Unavailable, Busy) as error:
                _log.warning("relaying waits", reason=type(error).__name__)
                pending, published = 1, 0
            if published < pending:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, BACK_OFF_LONGEST_S) if published == 0 else BACK_OFF_FIRST_S
                continue
            pause_s = BACK_OFF_FIRST_S
            if pending < READ_AT_ONCE:
                await self._wait_for_numbers()

    async def _wait_for_numbers(self) -> None:
        try:
            async with asyncio.timeout(POLL_S):
                await self._numbered.wait()
        except TimeoutError:
            pass
        self._numbered.clear()

    async def publish(self) -> tuple[int, int]:
        """One round over the shards that are ours: how many events were pending, and how many are published now."""
        await self._hold_lease()
        rows = await self._pending()
        if not rows:
            return 0, 0
        confirmed = await self._publish_in_waves(rows)
        if not confirmed:
            return len(rows), 0
        marked = await self._mark(confirmed)
        self._meter.count("events_published_total", marked, source=self._owner)
        if marked < len(confirmed):
            _log.warning("lease lost", asked=len(confirmed), marked=marked)
            self._give_up_lease()
        return len(rows), len(confirmed)

    async def _hold_lease(self) -> None:
        clock = asyncio.get_running_loop().time()
        if self._leased_at is not None and clock - self._leased_at < RENEW_S:
            return
        claim = f"""
            UPDATE relay_lease
               SET epoch = epoch + CASE WHEN owner = $1 THEN 0 ELSE 1 END, owner = $1,
                   expires_at = {self._now} + {LEASE_S * 1_000_000}
             WHERE owner = $1 OR owner IS NULL OR expires_at < {self._now} OR {self._takes_over}
            RETURNING shard"""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(claim, str(self._lease))
        self._takes_over = "false"
        self._shards = tuple(sorted(row[0] for row in rows))
        self._leased_at = clock

    def _give_up_lease(self) -> None:
        # A new name: under the old one this relay would be taken for the one that still held it.
        self._lease = uuid.uuid4()
        self._leased_at = None
        self._shards = ()

    async def release(self) -> None:
        """Lets another relay take over at once, at an orderly end."""
        async with self._database.transaction() as connection:
            await connection.execute("UPDATE relay_lease SET owner = NULL WHERE owner = $1", str(self._lease))
        self._give_up_lease()

    async def _pending(self) -> Sequence[Row]:
        if not self._shards:
            return ()
        shards = ",".join(str(shard) for shard in self._shards)
        return await self._database.fetch(
            f"""SELECT o.seq, o.position, o.event_id, o.type, o.subject, o.body, h.epoch
                  FROM outbox AS o CROSS JOIN feed_head AS h
                 WHERE o.published_at IS NULL AND o.position IS NOT NULL AND o.shard IN ({shards})
                 ORDER BY o.position LIMIT {READ_AT_ONCE}"""
        )

    async def _publish_in_waves(self, rows: Sequence[Row]) -> list[int]:
        """Each wave holds the next event of every subject; a subject that fails waits, the others go on."""
        subjects: dict[str, deque[Row]] = {}
        for row in rows:
            subjects.setdefault(row[4], deque()).append(row)
        confirmed: list[int] = []
        while subjects:
            wave = [waiting[0] for waiting in subjects.values()]
            taken = await self._transport.publish([self._outgoing(row) for row in wave])
            for row in wave:
                waiting = subjects[row[4]]
                if row[1] in taken:
                    confirmed.append(waiting.popleft()[0])
                if row[1] not in taken or not waiting:
                    del subjects[row[4]]
        return confirmed

    def _outgoing(self, row: Row) -> Outgoing:
        _, position, event_id, routing_key, _, body, epoch = row
        return Outgoing(
            position=position,
            epoch=epoch,
            id=str(event_id),
            owner=self._owner,
            routing_key=routing_key,
            body=bytes(body),
        )

    async def _mark(self, confirmed: list[int]) -> int:
        """Only under a lease still held: a relay that slept past its lease must notice."""
        if self._on_postgresql:
            marking = f"""
                WITH fence AS MATERIALIZED (SELECT shard FROM relay_lease WHERE owner = $2 FOR SHARE)
                UPDATE outbox SET published_at = {self._now}
                 WHERE seq IN (SELECT CAST(e AS bigint) FROM jsonb_array_elements_text(CAST($1 AS jsonb)) AS e)
                   AND published_at IS NULL AND shard IN (SELECT shard FROM fence)"""
        else:
            marking = f"""
                UPDATE outbox SET published_at = {self._now}
                 WHERE seq IN (SELECT value FROM json_each($1)) AND published_at IS NULL
                   AND shard IN (SELECT shard FROM relay_lease WHERE owner = $2)"""
        async with self._database.transaction() as connection:
            return await connection.execute(marking, json.dumps(confirmed), str(self._lease))

    async def _keep_gauging(self) -> None:
        while True:
            try:
                row = await self._database.fetch_row(
                    f"SELECT count(*), min(occurred_at), {self._now} FROM outbox WHERE published_at IS NULL"
                )
                assert row is not None, "an aggregate has one row"
                oldest_s = 0.0 if row[1] is None else (row[2] - row[1]) / 1_000_000
                self._meter.gauge("events_unpublished", row[0], source=self._owner)
                self._meter.gauge("events_oldest_unpublished_seconds", oldest_s, source=self._owner)
            except (Unavailable, Busy):
                pass
            await asyncio.sleep(GAUGES_S)
