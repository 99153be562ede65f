"""PostgreSQL by asyncpg."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import TracebackType
from typing import Any

import asyncpg

from bedside.events.database.lending import Lending
from bedside.events.database.port import Busy, Connection, Dialect, Reader, Row, Signal, Unavailable

_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    ConnectionError,
    OSError,
    asyncio.TimeoutError,
)
_LOST = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError)


class _Named:
    """Gives the driver's errors their names here.

    Around the driver's calls only: what a transaction's body raises is its own.
    """

    def __enter__(self) -> None: ...

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if isinstance(error, _LOST):
            raise Busy(type(error).__name__) from error
        if isinstance(error, _GONE):
            raise Unavailable("PostgreSQL cannot be reached") from error


_NAMED = _Named()


@asynccontextmanager
async def _within(transaction: Any) -> AsyncIterator[None]:
    with _NAMED:
        await transaction.start()
    try:
        yield
    except BaseException:
        # A lost connection has rolled back by itself.
        with suppress(*_GONE):
            await transaction.rollback()
        raise
    with _NAMED:
        await transaction.commit()


# Statements here say in which order tables are joined, and every look-up has its index: a planner that follows, row by
# row, needs no statistics (a new table has none) and no luck, plans once, and plans quickly.
_SETTINGS = {
    "plan_cache_mode": "force_generic_plan",
    "join_collapse_limit": "1",
    "random_page_cost": "1.1",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}


class _Statements:
    """One connection of the pool."""

    dialect: Dialect = "postgresql"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Row]:
        with _NAMED:
            rows: list[Row] = await self._connection.fetch(sql, *arguments)
        return rows

    async def fetch_row(self, sql: str, *arguments: Any) -> Row | None:
        with _NAMED:
            row: Row | None = await self._connection.fetchrow(sql, *arguments)
        return row

    async def execute(self, sql: str, *arguments: Any) -> int:
        with _NAMED:
            status: str = await self._connection.execute(sql, *arguments)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with _NAMED:
            await self._connection.executemany(sql, rows)

    async def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            with _NAMED:
                await self._connection.copy_records_to_table(table, columns=columns, records=rows)

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        return _within(self._connection.transaction())


class _Notified:
    """LISTEN on a connection of its own. While that is lost, waiting is just waiting, and each wait tries it anew."""

    def __init__(self, url: str, channel: str) -> None:
        self._url = url
        self._channel = channel
        self._connection: Any = None
        self._heard = asyncio.Event()

    async def wait(self, timeout_s: float) -> None:
        if self._connection is None or self._connection.is_closed():
            with suppress(*_GONE):
                self._connection = await asyncpg.connect(self._url, timeout=5)
                await self._connection.add_listener(self._channel, lambda *_: self._heard.set())
        with suppress(TimeoutError):
            # Not wait_for: up to Python 3.11 it swallows a cancellation that comes together with the notification.
            async with asyncio.timeout(timeout_s):
                await self._heard.wait()
        self._heard.clear()

    async def close(self) -> None:
        if self._connection is not None:
            with suppress(*_GONE):
                await self._connection.close(timeout=5)


class PostgresqlDatabase:
    """At most `connections_max` connections."""

    dialect: Dialect = "postgresql"

    def __init__(self, url: str, *, connections_max: int) -> None:
        self.url = url
        self._connections = Lending(self._connect, connections_max=connections_max)

    @classmethod
    async def open(cls, url: str, *, connections_max: int) -> "PostgresqlDatabase":
        database = cls(url, connections_max=connections_max)
        async with database._borrowed():
            return database

    async def _connect(self) -> Any:
        with _NAMED:
            return await asyncpg.connect(
                self.url, timeout=30, statement_cache_size=512, command_timeout=60, server_settings=_SETTINGS
            )

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Row]:
        connection = await self._taken()
        try:
            rows: list[Row] = await connection.fetch(sql, *arguments)
        except BaseException as error:
            self._connections.give_after(error, connection)
            with _NAMED:
                raise
        self._connections.give(connection)
        return rows

    async def fetch_row(self, sql: str, *arguments: Any) -> Row | None:
        connection = await self._taken()
        try:
            row: Row | None = await connection.fetchrow(sql, *arguments)
        except BaseException as error:
            self._connections.give_after(error, connection)
            with _NAMED:
                raise
        self._connections.give(connection)
        return row

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self._borrowed() as connection, _within(connection.transaction()):
            yield _Statements(connection)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Reader]:
        async with (
            self._borrowed() as connection,
            _within(connection.transaction(isolation="repeatable_read", readonly=True)),
        ):
            yield _Statements(connection)

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[Signal]:
        signal = _Notified(self.url, channel)
        try:
            yield signal
        finally:
            await signal.close()

    async def close(self) -> None:
        await self._connections.close()

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[Any]:
        connection = await self._taken()
        try:
            yield connection
        except BaseException as error:
            self._connections.give_after(error, connection)
            raise
        self._connections.give(connection)

    async def _taken(self) -> Any:
        with _NAMED:
            return await self._connections.take()
