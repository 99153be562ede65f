"""PostgreSQL by asyncpg."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg

from bedside.events.database.port import Busy, Connection, Dialect, Reader, Row, Unavailable

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


class _Statements:
    """One connection of the pool."""

    dialect: Dialect = "postgresql"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Row]:
        rows: list[Row] = await self._connection.fetch(sql, *arguments)
        return rows

    async def fetch_row(self, sql: str, *arguments: Any) -> Row | None:
        row: Row | None = await self._connection.fetchrow(sql, *arguments)
        return row

    async def execute(self, sql: str, *arguments: Any) -> int:
        status: str = await self._connection.execute(sql, *arguments)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        await self._connection.executemany(sql, rows)

    async def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            await self._connection.copy_records_to_table(table, columns=columns, records=rows)

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        savepoint: AbstractAsyncContextManager[None] = self._connection.transaction()
        return savepoint


class PostgresqlDatabase:
    """A pool of at most `connections_max` connections."""

    dialect: Dialect = "postgresql"

    def __init__(self, url: str, pool: Any) -> None:
        self.url = url
        self._pool = pool

    @classmethod
    async def open(cls, url: str, *, connections_max: int) -> "PostgresqlDatabase":
        try:
            pool = await asyncpg.create_pool(
                url, min_size=1, max_size=connections_max, statement_cache_size=512, command_timeout=60
            )
        except _GONE as error:
            raise Unavailable("PostgreSQL cannot be reached") from error
        return cls(url, pool)

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Row]:
        async with self._borrowed() as statements:
            return await statements.fetch(sql, *arguments)

    async def fetch_row(self, sql: str, *arguments: Any) -> Row | None:
        async with self._borrowed() as statements:
            return await statements.fetch_row(sql, *arguments)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self._borrowed() as statements, statements._connection.transaction():
            yield statements

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Reader]:
        async with (
            self._borrowed() as statements,
            statements._connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield statements

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[_Statements]:
        try:
            async with self._pool.acquire(timeout=30) as connection:
                yield _Statements(connection)
        except _LOST as error:
            raise Busy(str(error)) from error
        except _GONE as error:
            raise Unavailable("the database connection was lost") from error
