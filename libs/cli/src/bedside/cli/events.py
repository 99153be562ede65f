"""`bedside events`: what was told, and what could not be taken yet."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from rich.console import Console
from rich.table import Table

from bedside.cli.failure import Failure
from bedside.cli.programs import service_named
from bedside.events.database import Database, open_database
from bedside.service.settings import Settings


async def tail(service: str, count: int, settings: Settings) -> None:
    """Newest last."""
    database = await _database(service, settings)
    rows = await database.fetch(
        "SELECT seq, occurred_at, type, subject, published_at FROM outbox ORDER BY seq DESC LIMIT $1", count
    )
    table = Table("number", "when", "type", "subject", "published", box=None)
    for number, occurred_at, kind, subject, published_at in reversed(rows):
        table.add_row(str(number), _when(occurred_at), kind, subject, "yes" if published_at else "not yet")
    Console().print(table)
    await database.close()


async def parked(service: str, settings: Settings) -> None:
    """In the order in which they will be tried again. Raises Failure when there are any, for scripts."""
    database = await _database(service, settings)
    rows = await database.fetch(
        "SELECT stream, sequence, event_id, type, reason, attempts, retry_at"
        " FROM parked ORDER BY stream, sequence LIMIT 500"
    )
    await database.close()
    table = Table("stream", "number", "event", "type", "reason", "tries", "again", box=None)
    for stream, sequence, event_id, kind, reason, attempts, retry_at in rows:
        table.add_row(stream, str(sequence), _id(event_id), kind, reason, str(attempts), _when(retry_at))
    if rows:
        Console().print(table)
        raise Failure(f"{len(rows)} facts wait at {service}")
    Console().print(f"nothing is parked at {service}")


async def _database(service: str, settings: Settings) -> Database:
    name = service_named(service)
    if name == "gateway":
        raise Failure("the gateway keeps no facts: patients, encounters or auth")
    return await asyncio.wait_for(open_database(settings.database_url(name)), timeout=10)


def _id(value: UUID | bytes | str) -> str:
    return str(UUID(bytes=value)) if isinstance(value, bytes) else str(value)


def _when(microseconds: int) -> str:
    return f"{datetime.fromtimestamp(microseconds / 1_000_000, UTC):%Y-%m-%d %H:%M:%S}Z"
