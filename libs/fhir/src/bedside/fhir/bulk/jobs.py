"""Export jobs as rows: what each is to do, how far it is, and what came of it."""

from dataclasses import dataclass
from typing import Any, Literal

import orjson

from bedside.events.database import Connection, Dialect
from bedside.events.database.port import MICROSECONDS_NOW, Reader
from bedside.fhir.bulk.asked import Export

State = Literal["running", "done", "failed"]

# Whoever works on a job says so again and again; a job of which nothing was said for so long is somebody else's.
LEASE_S = 30
# A job's files can be fetched for so long after it was asked for.
KEPT_S = 7 * 24 * 3600


@dataclass(frozen=True)
class File:
    """Versions `v` with `after < vid <= upto` of one type, or the deletions of it."""

    kind: Literal["output", "deleted"]
    type_name: str
    after: int
    upto: int
    count: int


@dataclass(frozen=True)
class Job:
    """`snapshot` is the transaction up to which it sees, `instant` that transaction's in microseconds UTC, `since` the
    first transaction that counts when only changes are wanted.

    `subject` and `client_id` are of whoever asked; `request` is the address they asked.
    """

    id: str
    subject: str
    client_id: str
    request: str
    export: Export
    snapshot: int
    instant: int
    since: int | None
    state: State
    files: tuple[File, ...]
    expires: int


_COLUMNS = "id, subject, client, request, asked, snapshot, instant, since, state, files, expires"


def statements(dialect: Dialect) -> tuple[str, ...]:
    big = "INTEGER" if dialect == "sqlite" else "bigint"
    return (
        f"""CREATE TABLE export_job (
            id TEXT PRIMARY KEY, subject TEXT NOT NULL, client TEXT NOT NULL, request TEXT NOT NULL,
            asked TEXT NOT NULL, snapshot {big} NOT NULL, instant {big} NOT NULL, since {big}, state TEXT NOT NULL,
            files TEXT NOT NULL, expires {big} NOT NULL, leased_until {big} NOT NULL)""",
    )


async def add(connection: Connection, job: Job) -> None:
    """Leased to whoever adds it."""
    now = MICROSECONDS_NOW[connection.dialect]
    await connection.execute(
        f"INSERT INTO export_job ({_COLUMNS}, leased_until)"
        f" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, {now} + $12)",
        job.id,
        job.subject,
        job.client_id,
        job.request,
        orjson.dumps(job.export.as_json()).decode(),
        job.snapshot,
        job.instant,
        job.since,
        job.state,
        _written(job.files),
        job.expires,
        LEASE_S * 1_000_000,
    )


async def read(reader: Reader, id: str) -> Job | None:
    row = await reader.fetch_row(f"SELECT {_COLUMNS} FROM export_job WHERE id = $1", id)
    if row is None:
        return None
    id, subject, client, request, asked, snapshot, instant, since, state, files, expires = row
    export = Export.of(orjson.loads(asked))
    return Job(id, subject, client, request, export, snapshot, instant, since, state, _read(files), expires)


async def claim(connection: Connection, id: str) -> bool:
    """Whether the job is ours to work on: it runs, and nobody else has said lately that they work on it."""
    now = MICROSECONDS_NOW[connection.dialect]
    taken = await connection.execute(
        f"UPDATE export_job SET leased_until = {now} + $2 WHERE id = $1 AND state = 'running' AND leased_until < {now}",
        id,
        LEASE_S * 1_000_000,
    )
    return taken == 1


async def go_on(connection: Connection, id: str) -> bool:
    """Renews the lease. False when the job was cancelled meanwhile."""
    now = MICROSECONDS_NOW[connection.dialect]
    renewed = await connection.execute(
        f"UPDATE export_job SET leased_until = {now} + $2 WHERE id = $1 AND state = 'running'", id, LEASE_S * 1_000_000
    )
    return renewed == 1


async def end(connection: Connection, id: str, state: State, files: tuple[File, ...] = ()) -> None:
    """Nothing happens when it was cancelled."""
    await connection.execute(
        "UPDATE export_job SET state = $2, files = $3 WHERE id = $1 AND state = 'running'", id, state, _written(files)
    )


async def count_running(reader: Reader, subject: str, client_id: str) -> int:
    row = await reader.fetch_row(
        "SELECT count(*) FROM export_job WHERE subject = $1 AND client = $2 AND state = 'running'", subject, client_id
    )
    assert row is not None, "an aggregate always gives a row"
    return int(row[0])


async def remove(connection: Connection, id: str) -> None:
    await connection.execute("DELETE FROM export_job WHERE id = $1", id)


async def remove_expired(connection: Connection, now: int) -> None:
    await connection.execute("DELETE FROM export_job WHERE expires < $1", now)


def _written(files: tuple[File, ...]) -> str:
    return orjson.dumps([[each.kind, each.type_name, each.after, each.upto, each.count] for each in files]).decode()


def _read(text: str) -> tuple[File, ...]:
    told: list[list[Any]] = orjson.loads(text)
    return tuple(File(*each) for each in told)
