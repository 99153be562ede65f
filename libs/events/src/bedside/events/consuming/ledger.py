"""What one consumer has received, applied and parked: every statement on the inbox tables."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from bedside.events.database import MICROSECONDS_NOW, Connection, Database, Dialect, Reader
from bedside.events.envelope import Event

# A list travels as one JSON parameter, which both databases unfold.
_LIST: dict[Dialect, str] = {
    "postgresql": "SELECT e FROM jsonb_array_elements_text(CAST($2 AS jsonb)) AS e",
    "sqlite": "SELECT value FROM json_each($2)",
}
_RECEIVE: dict[Dialect, str] = {
    "postgresql": f"""
        INSERT INTO inbox(consumer, event_id, type, digest, received_at)
        SELECT $1, CAST(e->>0 AS uuid), e->>1, e->>2, {MICROSECONDS_NOW["postgresql"]}
          FROM jsonb_array_elements(CAST($2 AS jsonb)) AS e
         ORDER BY 2, 3
        ON CONFLICT DO NOTHING RETURNING event_id, type""",
    "sqlite": f"""
        INSERT INTO inbox(consumer, event_id, type, digest, received_at)
        SELECT $1, json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
               {MICROSECONDS_NOW["sqlite"]}
          FROM json_each($2) WHERE true
        ON CONFLICT DO NOTHING RETURNING event_id, type""",
}

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ParkedEvent:
    """One event that waits, with its place in its stream."""

    event: Event
    reason: str
    attempts: int


def key_of(event: Event) -> Key:
    """A new major version of a fact is told beside the old one, under the same id."""
    return event.id, event.routing_key


def digest_of(event: Event) -> str:
    return hashlib.blake2b(event.body, digest_size=16).hexdigest()


class Ledger:
    """The books of one consumer, as `encounters.move_encounters`."""

    def __init__(self, consumer: str, dialect: Dialect) -> None:
        self._consumer = consumer
        self._dialect = dialect
        self._now = MICROSECONDS_NOW[dialect]
        self._in_list = _LIST[dialect]

    async def receive(self, connection: Connection, events: Iterable[Event]) -> set[Key]:
        """Notes them as received, and returns the keys of those that were not before.

        Done first: another process with the same event waits here until we have committed, and then drops it.
        """
        rows = [(event.id, event.routing_key, digest_of(event)) for event in events]
        new = await connection.fetch(_RECEIVE[self._dialect], self._consumer, orjson.dumps(rows).decode())
        return {(str(row[0]), row[1]) for row in new}

    async def received(self, reader: Reader, events: Iterable[Event]) -> dict[Key, str]:
        """The digests of those that were received before."""
        ids = orjson.dumps([event.id for event in events]).decode()
        listed = self._in_list.replace("SELECT e ", "SELECT CAST(e AS uuid) ")
        rows = await reader.fetch(
            f"SELECT event_id, type, digest FROM inbox WHERE consumer = $1 AND event_id IN ({listed})",
            self._consumer,
            ids,
        )
        return {(str(row[0]), row[1]): row[2] for row in rows}

    async def applied(self, connection: Connection, streams: Iterable[str]) -> dict[str, int]:
        rows = await connection.fetch(
            f"SELECT stream, sequence FROM applied WHERE consumer = $1 AND stream IN ({self._in_list})",
            self._consumer,
            orjson.dumps(list(streams)).decode(),
        )
        return {row[0]: row[1] for row in rows}

    async def advance(self, connection: Connection, places: Mapping[str, int]) -> None:
        await connection.execute_many(
            """INSERT INTO applied(consumer, stream, sequence) VALUES ($1, $2, $3)
               ON CONFLICT(consumer, stream) DO UPDATE SET sequence = excluded.sequence
               WHERE applied.sequence < excluded.sequence""",
            [(self._consumer, stream, sequence) for stream, sequence in sorted(places.items())],
        )

    async def first_parked(self, connection: Connection, streams: Iterable[str]) -> dict[str, int]:
        """The lowest sequence parked, of those streams that have any."""
        rows = await connection.fetch(
            f"""SELECT stream, min(sequence) FROM parked
                 WHERE consumer = $1 AND stream IN ({self._in_list}) GROUP BY stream""",
            self._consumer,
            orjson.dumps(list(streams)).decode(),
        )
        return {row[0]: row[1] for row in rows}

    async def park(
        self,
        connection: Connection,
        event: Event,
        *,
        reason: str,
        error: str | None,
        attempts: int,
        retry_after_s: float,
    ) -> None:
        await connection.execute(
            f"""INSERT INTO parked(consumer, stream, sequence, event_id, type, body, reason, error, attempts,
                                   parked_at, retry_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, {self._now}, {self._now} + CAST($10 AS bigint))
                ON CONFLICT DO NOTHING""",
            self._consumer,
            event.stream,
            event.sequence,
            event.id,
            event.routing_key,
            event.body,
            reason,
            error,
            attempts,
            int(retry_after_s * 1_000_000),
        )

    async def put_off(
        self,
        connection: Connection,
        event: Event,
        *,
        reason: str,
        error: str | None,
        attempts: int,
        retry_after_s: float,
    ) -> None:
        """A parked event was tried, in vain."""
        await connection.execute(
            f"""UPDATE parked SET reason = $4, error = $5, attempts = $6, retry_at = {self._now} + CAST($7 AS bigint)
                 WHERE consumer = $1 AND event_id = $2 AND type = $3""",
            self._consumer,
            event.id,
            event.routing_key,
            reason,
            error,
            attempts,
            int(retry_after_s * 1_000_000),
        )

    async def release(self, connection: Connection, event: Event) -> None:
        await connection.execute(
            "DELETE FROM parked WHERE consumer = $1 AND event_id = $2 AND type = $3",
            self._consumer,
            event.id,
            event.routing_key,
        )

    async def hasten(self, connection: Connection, streams: Iterable[str]) -> None:
        """What waited for a missing predecessor may be looked at now."""
        await connection.execute(
            f"""UPDATE parked SET retry_at = 0
                 WHERE consumer = $1 AND reason IN ('gap', 'behind') AND stream IN ({self._in_list})""",
            self._consumer,
            orjson.dumps(list(streams)).decode(),
        )

    async def due(self, database: Database, *, attempts_max: int, limit: int) -> list[str]:
        """Streams whose first parked event is to be tried again."""
        rows = await database.fetch(
            f"""SELECT p.stream FROM parked AS p
                 WHERE p.consumer = $1 AND p.retry_at <= {self._now} AND p.attempts < $2
                   AND NOT EXISTS (SELECT 1 FROM parked AS q WHERE q.consumer = p.consumer AND q.stream = p.stream
                                      AND (q.sequence < p.sequence OR q.sequence = p.sequence AND q.type < p.type))
                 ORDER BY p.retry_at LIMIT $3""",
            self._consumer,
            attempts_max,
            limit,
        )
        return [row[0] for row in rows]

    async def parked(self, connection: Connection, stream: str, *, limit: int) -> list[ParkedEvent]:
        """In order, and on PostgreSQL locked: another process that looks at the same stream finds nothing."""
        lock = " FOR UPDATE SKIP LOCKED" if self._dialect == "postgresql" else ""
        rows = await connection.fetch(
            f"""SELECT body, reason, attempts FROM parked WHERE consumer = $1 AND stream = $2
                 ORDER BY sequence, type LIMIT $3{lock}""",
            self._consumer,
            stream,
            limit,
        )
        return [ParkedEvent(Event.parse(bytes(row[0])), row[1], row[2]) for row in rows]

    async def gaps(self, database: Database, *, older_than_s: float, limit: int) -> Sequence[tuple[str, int]]:
        """Streams that wait for a missing event, with the first sequence they do have."""
        rows = await database.fetch(
            f"""SELECT p.stream, p.sequence FROM parked AS p
                 WHERE p.consumer = $1 AND p.reason = 'gap' AND p.parked_at <= {self._now} - CAST($2 AS bigint)
                   AND NOT EXISTS (SELECT 1 FROM parked AS q
                                    WHERE q.consumer = p.consumer AND q.stream = p.stream AND q.sequence < p.sequence)
                 LIMIT $3""",
            self._consumer,
            int(older_than_s * 1_000_000),
            limit,
        )
        return [(row[0], row[1]) for row in rows]

    async def counts(self, database: Database) -> dict[str, int]:
        """How many are parked, by reason."""
        rows = await database.fetch(
            "SELECT reason, count(*) FROM parked WHERE consumer = $1 GROUP BY reason", self._consumer
        )
        return {row[0]: row[1] for row in rows}

    async def swept(self, database: Database, owner: str) -> tuple[int, int] | None:
        """Epoch and position up to which the feed was compared with the inbox."""
        row = await database.fetch_row(
            "SELECT epoch, position FROM swept WHERE consumer = $1 AND source = $2", self._consumer, owner
        )
        return None if row is None else (row[0], row[1])

    async def sweep(self, connection: Connection, owner: str, *, epoch: int, position: int) -> None:
        await connection.execute(
            """INSERT INTO swept(consumer, source, epoch, position) VALUES ($1, $2, $3, $4)
               ON CONFLICT(consumer, source) DO UPDATE SET epoch = excluded.epoch, position = excluded.position""",
            self._consumer,
            owner,
            epoch,
            position,
        )
