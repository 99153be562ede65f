"""Databases and brokers for the tests: SQLite and in-process; PostgreSQL and RabbitMQ under the marker `servers`."""

import os
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aio_pika
import asyncpg
import pytest

from bedside.events import InProcessTransport, Transport
from bedside.events.database import Database, open_database
from bedside.events.migrating import migrate
from bedside.events.transport.rabbit import RabbitTransport
from bedside.events.transport.topology import Names

sys.path.insert(0, str(Path(__file__).parent))

NewUrl = Callable[[], Awaitable[str]]
NewDatabase = Callable[[], Awaitable[Database]]
NewTransport = Callable[[], Transport]

DIALECTS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]
WORLDS = ["embedded", pytest.param("servers", marks=pytest.mark.servers)]


def server_url(variable: str) -> str:
    url = os.environ.get(variable)
    assert url, f"{variable} is not set: run ./test.sh, which starts the servers, or ./test.sh --fast without them"
    return url


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> str:
    """Embedded: SQLite and the in-process transport. Servers: PostgreSQL and RabbitMQ."""
    return str(request.param)


@pytest.fixture
async def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[NewUrl]:
    """Makes an empty database of the test's dialect, gone after the test."""
    if "dialect" in request.fixturenames:
        on_sqlite = request.getfixturevalue("dialect") == "sqlite"
    else:
        on_sqlite = request.getfixturevalue("world") == "embedded"
    names: list[str] = []

    async def on_server(statement: str) -> None:
        connection = await asyncpg.connect(server_url("BEDSIDE_TEST_DATABASE_URL"))
        await connection.execute(statement)
        await connection.close()

    async def new() -> str:
        names.append(f"events_{uuid.uuid4().hex}")
        if on_sqlite:
            return f"sqlite:///{tmp_path}/{names[-1]}.db"
        await on_server(f"CREATE DATABASE {names[-1]}")
        return f"{server_url('BEDSIDE_TEST_DATABASE_URL').rpartition('/')[0]}/{names[-1]}"

    yield new
    if not on_sqlite:
        for name in names:
            await on_server(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def new_database(new_url: NewUrl) -> AsyncIterator[NewDatabase]:
    """Makes a database with the tables of this library."""
    async with AsyncExitStack() as opened:

        async def new() -> Database:
            url = await new_url()
            migrate(url, "bedside.events")
            database = await open_database(url)
            opened.push_async_callback(database.close)
            return database

        yield new


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    return await new_database()


@pytest.fixture
def broker_names() -> Names:
    """An installation of the test's own on the shared broker."""
    return Names(f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture
async def new_transport(world: str, broker_names: Names) -> AsyncIterator[NewTransport]:
    """Each call is another process's transport to the same broker; in-process there is only the one."""
    async with AsyncExitStack() as opened:
        shared = InProcessTransport()

        def new() -> Transport:
            if world == "embedded":
                return shared
            transport = RabbitTransport(server_url("BEDSIDE_TEST_BROKER_URL"), names=broker_names)
            opened.push_async_callback(transport.close)
            return transport

        yield new
    if world == "servers":
        await _remove(broker_names)


async def _remove(names: Names) -> None:
    connection = await aio_pika.connect(server_url("BEDSIDE_TEST_BROKER_URL"))
    channel = await connection.channel()
    for queue in ("dead", "audit", "reader.note", "reader.second", "q", "r"):
        await channel.queue_delete(f"{names.prefix}.{queue}")
    for exchange in ("patients", "encounters", "auth", "auth.pulse", "dead", "events"):
        await channel.exchange_delete(f"{names.prefix}.{exchange}")
    await connection.close()


@pytest.fixture
def transport(new_transport: NewTransport) -> Transport:
    return new_transport()
