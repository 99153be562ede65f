"""SQLite: one writer on its own thread, readers beside it (WAL)."""

import asyncio
import re
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from bedside.events.database.port import Busy, Connection, Dialect, Reader, Row, Signal, Unavailable

_BUSY_TIMEOUT_S = 10.0
_READERS = 4
_POLL_S = 0.1
T = TypeVar("T")


@lru_cache(maxsize=4096)
def _numbered(sql: str) -> str:
    return re.sub(r"\$(\d+)", r"?\1", sql)


def _open(path: Path, *, read_only: bool) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=512
        )
    except sqlite3.OperationalError as error:
        raise _named(error) from error
    connection.execute("PRAGMA journal_mode=WAL")
    # A fact whose change survived a power cut must survive it too: every commit reaches the disk.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA cache_size=-16000")
    if read_only:
        connection.execute("PRAGMA query_only=ON")
    return connection


def _named(error: sqlite3.OperationalError) -> Exception:
    text = str(error)
    if "locked" in text or "busy" in text:
        return Busy(text)
    if "disk" in text or "unable to open" in text:
        return Unavailable(text)
    return error


class _Writer:
    """The one connection that writes. Every statement runs on its thread."""

    dialect: Dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        self._connection = _open(path, read_only=False)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"write-{path.stem}")
        self._savepoints = 0

    async def run(self, work: Callable[[], T]) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            # The statement cannot be stopped half-way: a cancelled caller waits for its end, or the rollback that
            # follows would race with it.
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            while not future.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([future])
            future.exception()
            raise
        except sqlite3.OperationalError as error:
            raise _named(error) from error

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Row]:
        statement = _numbered(sql)
        return await self.run(lambda: self._connection.execute(statement, arguments).fetchall())

    async def fetch_row(self, sql: str, *arguments: Any) -> Row | None:
        rows = await self.fetch(sql, *arguments)
        return rows[0] if rows else None

    async def execute(self, sql: str, *arguments: Any) -> int:
        statement = _numbered(sql)
        return await self.run(lambda: self._connection.execute(statement, arguments).rowcount)

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        statement = _numbered(sql)
        await self.run(lambda: self._connection.executemany(statement, rows))

    async def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            places = ",".join("?" * len(columns))
            await self.execute_many(f"INSERT INTO {table} ({','.join(columns)}) VALUES ({places})", rows)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        self._savepoints += 1
        name = f"s{self._savepoints}"
        await self.execute(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            await self.execute(f"ROLLBACK TO {name}")
            await self.execute(f"RELEASE {name}")
            raise
        await self.execute(f"RELEASE {name}")

    async def roll_back(self) -> None:
        """Nothing happens when no transaction is open."""
        await self.run(self._connection.rollback)

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self._connection.close()


class _Snapshot:
    """A reader inside one read transaction, on a borrowed connection."""

    dialect: Dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection, threads: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._threads = threads

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Row]:
        statement = _numbered(sql)
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: self._connection.execute(statement, arguments).fetchall()
        )

    async def fetch_row(self, sql: str, *arguments: Any) -> Row | None:
        rows = await self.fetch(sql, *arguments)
        return rows[0] if rows else None


class _Committed(asyncio.Event):
    """Set by every commit of this process."""

    async def wait(self, timeout_s: float = _POLL_S) -> None:  # type: ignore[override]
        with suppress(TimeoutError):
            # Not wait_for: up to Python 3.11 it swallows a cancellation that comes together with the commit.
            async with asyncio.timeout(min(timeout_s, _POLL_S)):
                await super().wait()
        self.clear()


class SqliteDatabase:
    """One file. Writers queue in this process; other processes wait up to ten seconds for their turn."""

    dialect: Dialect = "sqlite"

    def __init__(self, url: str, path: Path) -> None:
        self.url = url
        self._path = path
        self._writer = _Writer(path)
        self._turn = asyncio.Lock()
        self._point_reader = _open(path, read_only=True)
        self._threads = ThreadPoolExecutor(_READERS, thread_name_prefix=f"read-{path.stem}")
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._signals: set[_Committed] = set()

    def _reader(self) -> sqlite3.Connection:
        reader: sqlite3.Connection | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = _open(self._path, read_only=True)
            self._readers.append(reader)
        return reader

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Row]:
        statement = _numbered(sql)
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, lambda: self._reader().execute(statement, arguments).fetchall()
            )
        except sqlite3.OperationalError as error:
            raise _named(error) from error

    async def fetch_row(self, sql: str, *arguments: Any) -> Row | None:
        try:
            row: Row | None = self._point_reader.execute(_numbered(sql), arguments).fetchone()
        except sqlite3.OperationalError as error:
            raise _named(error) from error
        return row

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self._turn:
            # The beginning is inside too: a caller cancelled there must not leave the transaction open.
            try:
                await self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                await self._writer.execute("COMMIT")
            except BaseException:
                await self._writer.roll_back()
                raise
        for signal in self._signals:
            signal.set()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Reader]:
        connection = _open(self._path, read_only=True)
        try:
            connection.execute("BEGIN")
            yield _Snapshot(connection, self._threads)
            connection.execute("ROLLBACK")
        finally:
            connection.close()

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[Signal]:
        signal = _Committed()
        self._signals.add(signal)
        try:
            yield signal
        finally:
            self._signals.discard(signal)

    async def close(self) -> None:
        self._threads.shutdown(wait=True)
        for reader in (*self._readers, self._point_reader):
            reader.close()
        self._writer.close()
