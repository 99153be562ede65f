"""A database of its own for each test, on either dialect."""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bedside.events.database import Database, Dialect, open_database
from bedside.events.migrating import migrate


@asynccontextmanager
async def fresh_database(dialect: Dialect, folder: Path) -> AsyncIterator[Database]:
    """Migrated and empty; gone afterwards. PostgreSQL is the server that BEDSIDE_TEST_DATABASE_URL names."""
    if dialect == "sqlite":
        async with _opened(f"sqlite:////{str(folder / 'test.db').lstrip('/')}") as database:
            yield database
        return
    server = os.environ.get("BEDSIDE_TEST_DATABASE_URL")
    assert server, "BEDSIDE_TEST_DATABASE_URL must name a PostgreSQL server; `--fast` leaves such tests out"
    name = f"test_{uuid.uuid4().hex}"
    await _on_server(server, f"CREATE DATABASE {name}")
    try:
        async with _opened(f"{server.rpartition('/')[0]}/{name}") as database:
            yield database
    finally:
        await _on_server(server, f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    migrate(url, "bedside.events")
    migrate(url, "bedside.fhir")
    database = await open_database(url)
    try:
        yield database
    finally:
        await database.close()


async def _on_server(url: str, statement: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
