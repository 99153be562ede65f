"""A database of its own for each test, on either dialect."""

import asyncio
import atexit
import os
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from bedside.events.database import Database, Dialect, open_database
from bedside.events.migrating import migrate

_TEMPLATES: dict[str, str] = {}


@asynccontextmanager
async def fresh_database(dialect: Dialect, folder: Path) -> AsyncIterator[Database]:
    """Migrated and empty; gone afterwards. PostgreSQL is the server that BEDSIDE_TEST_DATABASE_URL names."""
    if dialect == "sqlite":
        async with _opened(_copy_of_the_migrated_file(folder)) as database:
            yield database
        return
    server = os.environ.get("BEDSIDE_TEST_DATABASE_URL")
    assert server, "BEDSIDE_TEST_DATABASE_URL must name a PostgreSQL server; `--fast` leaves such tests out"
    name = f"test_{uuid.uuid4().hex}"
    await _on_server(server, f"CREATE DATABASE {name} TEMPLATE {await _migrated_template(server)}")
    try:
        async with _opened(_named(server, name)) as database:
            yield database
    finally:
        await _on_server(server, f"DROP DATABASE {name} WITH (FORCE)")


def _copy_of_the_migrated_file(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_migrated_file(), folder / "test.db")
    return _sqlite(folder / "test.db")


@cache
def _migrated_file() -> Path:
    """Migrating takes longer than most tests: each process does it once, and copies."""
    folder = Path(mkdtemp(prefix="bedside-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _migrate(_sqlite(folder / "migrated.db"))
    return folder / "migrated.db"


def _sqlite(path: Path) -> str:
    return f"sqlite:////{str(path).lstrip('/')}"


async def _migrated_template(server: str) -> str:
    if server not in _TEMPLATES:
        name = f"template_{uuid.uuid4().hex}"
        await _on_server(server, f"CREATE DATABASE {name}")
        await asyncio.to_thread(_migrate, _named(server, name))
        atexit.register(lambda: asyncio.run(_on_server(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")))
        _TEMPLATES[server] = name
    return _TEMPLATES[server]


def _named(server: str, name: str) -> str:
    return f"{server.rpartition('/')[0]}/{name}"


def _migrate(url: str) -> None:
    migrate(url, "bedside.events")
    migrate(url, "bedside.fhir")


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
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
