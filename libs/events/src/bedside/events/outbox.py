"""Telling a fact: it is written in the transaction of its change, and so is told exactly if that commits."""

import re
import zlib
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from bedside.events.database import MICROSECONDS_NOW, Connection, Dialect, Row
from bedside.events.envelope import Fact, envelope, new_event_id

if TYPE_CHECKING:
    # SQLAlchemy takes a third of a second to load, and most services append without it.
    from sqlalchemy import Connection as SqlalchemyConnection
    from sqlalchemy import TextClause

SHARDS = 16
WAKE_UP = "bedside_outbox"

# One statement numbers all streams. They come sorted: two writers lock their common streams in the same order.
_NUMBER: dict[Dialect, str] = {
    "postgresql": """
        INSERT INTO told(stream, sequence)
        SELECT s.e->>0, CAST(s.e->>1 AS bigint)
          FROM jsonb_array_elements(CAST($1 AS jsonb)) WITH ORDINALITY AS s(e, n) ORDER BY s.n
        ON CONFLICT(stream) DO UPDATE SET sequence = told.sequence + excluded.sequence
        RETURNING stream, sequence""",
    "sqlite": """
        INSERT INTO told(stream, sequence)
        SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each($1) WHERE true ORDER BY key
        ON CONFLICT(stream) DO UPDATE SET sequence = told.sequence + excluded.sequence
        RETURNING stream, sequence""",
}
_INSERT: dict[Dialect, str] = {
    dialect: f"""
        INSERT INTO outbox(event_id, type, stream, sequence, subject, shard, body, occurred_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, {now})"""
    for dialect, now in MICROSECONDS_NOW.items()
}


@dataclass(frozen=True, slots=True)
class _Fetch:
    sql: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class _Insert:
    sql: str
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Cause:
    """What led to the facts being told."""

    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None


class Outbox:
    """The facts told by one service. `source` is as `/patients`."""

    def __init__(self, source: str) -> None:
        self.source = source

    async def append(
        self, connection: Connection, facts: Iterable[Fact], *, now: datetime, cause: Cause | None = None
    ) -> None:
        """To be called last before the commit: from here on other writers of the same subjects wait.

        Facts of one stream are told in the order given.
        """
        caused = cause or Cause()
        await self.append_caused(connection, [(fact, caused) for fact in facts], now=now)

    async def append_caused(self, connection: Connection, told: Iterable[tuple[Fact, Cause]], *, now: datetime) -> None:
        """The same, where each fact has a cause of its own."""
        steps = self._steps(tuple(told), connection.dialect, now=now)
        rows: Any = None
        try:
            while True:
                step = steps.send(rows)
                if isinstance(step, _Fetch):
                    rows = await connection.fetch(step.sql, *step.arguments)
                else:
                    await connection.execute_many(step.sql, step.rows)
        except StopIteration:
            return

    def append_sync(
        self, connection: "SqlalchemyConnection", facts: Iterable[Fact], *, now: datetime, cause: Cause | None = None
    ) -> None:
        """The same, inside the open transaction of a synchronous SQLAlchemy connection (`session.connection()`)."""
        dialect: Dialect = "sqlite" if connection.dialect.name == "sqlite" else "postgresql"
        caused = cause or Cause()
        steps = self._steps(tuple((fact, caused) for fact in facts), dialect, now=now)
        rows: Any = None
        try:
            while True:
                step = steps.send(rows)
                if isinstance(step, _Fetch):
                    result = connection.execute(_named(step.sql), _parameters(step.arguments))
                    rows = [tuple(row) for row in result.fetchall()]
                else:
                    connection.execute(_named(step.sql), [_parameters(row) for row in step.rows])
        except StopIteration:
            return

    def _steps(
        self, told: tuple[tuple[Fact, Cause], ...], dialect: Dialect, *, now: datetime
    ) -> Generator[_Fetch | _Insert, Any, None]:
        """What to run, whoever runs it; the rows of each fetch are sent back in."""
        if not told:
            return
        counts = sorted(Counter(fact.stream for fact, _ in told).items())
        numbered = yield _Fetch(_NUMBER[dialect], (orjson.dumps(counts).decode(),))
        sequences = {
            stream: last - count for (stream, count), last in zip(counts, _in_order(counts, numbered), strict=True)
        }
        rows = []
        correlation_ids: dict[Cause, str] = {}
        for fact, cause in told:
            sequences[fact.stream] += 1
            event_id = new_event_id(now)
            correlation_id = correlation_ids.setdefault(cause, cause.correlation_id or event_id)
            body = envelope(
                fact,
                source=self.source,
                event_id=event_id,
                sequence=sequences[fact.stream],
                now=now,
                correlation_id=correlation_id,
                causation_id=cause.causation_id,
                traceparent=cause.traceparent,
            )
            rows.append(
                (
                    event_id,
                    fact.event.routing_key,
                    fact.stream,
                    sequences[fact.stream],
                    fact.subject,
                    shard_of(fact.subject),
                    body,
                )
            )
        yield _Insert(_INSERT[dialect], rows)
        if dialect == "postgresql":
            yield _Fetch(f"SELECT pg_notify('{WAKE_UP}', '')")


def shard_of(subject: str) -> int:
    """The same in every process: Python's own hash() is salted."""
    return zlib.crc32(subject.encode()) % SHARDS


def _in_order(counts: list[tuple[str, int]], numbered: Sequence[Row]) -> list[int]:
    # RETURNING promises no order.
    last = {row[0]: int(row[1]) for row in numbered}
    return [last[stream] for stream, _ in counts]


@lru_cache(maxsize=16)
def _named(sql: str) -> "TextClause":
    from sqlalchemy import text

    return text(re.sub(r"\$(\d+)", r":p\1", sql))


def _parameters(arguments: Sequence[Any]) -> dict[str, Any]:
    return {f"p{number}": value for number, value in enumerate(arguments, 1)}
