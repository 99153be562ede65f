"""What a database must do for us, whichever it is."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Literal, Protocol

Dialect = Literal["sqlite", "postgresql"]
Row = tuple[Any, ...]

# Leases and waits go by the database's clock: the clocks of the processes that share it may differ by minutes.
MICROSECONDS_NOW: Final[dict[Dialect, str]] = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000000 AS integer)",
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
}
"""The instant of the statement in microseconds since 1970, in SQL."""


class Unavailable(Exception):
    """The database cannot be reached, or refuses for want of room or connections. Trying later may help."""


class Busy(Exception):
    """The transaction lost to another one (deadlock, serialization, lock wait). The whole of it may be run again."""


class Reader(Protocol):
    """Statements are written once for both dialects, with `$1`, `$2` … for parameters."""

    dialect: Dialect

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Row]: ...

    async def fetch_row(self, sql: str, *arguments: Any) -> Row | None: ...


class Connection(Reader, Protocol):
    """One open transaction."""

    async def execute(self, sql: str, *arguments: Any) -> int:
        """Returns how many rows were changed."""
        ...

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None: ...

    async def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Bulk insert: COPY on PostgreSQL, one prepared INSERT on SQLite. No row may exist already."""
        ...

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """Rolled back alone when its body raises."""
        ...


class Signal(Protocol):
    """Somebody may have something for us."""

    async def wait(self, timeout_s: float) -> None:
        """Returns when the channel was notified, or after `timeout_s`, or for no reason: look, then wait again."""
        ...


class Database(Reader, Protocol):
    """A pool of connections. `fetch` and `fetch_row` here read outside any transaction.

    `fetch_row` is for a look-up by key: on SQLite it runs where it is called, for a thread hop costs ten times the
    read.
    """

    url: str

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """Commits at the end, rolls back when the body raises.

        On SQLite it takes the one writer's place at the start (BEGIN IMMEDIATE); on PostgreSQL it is READ COMMITTED.
        Raises Busy when it lost to another, Unavailable when there is no database.
        """
        ...

    def snapshot(self) -> AbstractAsyncContextManager[Reader]:
        """Several reads of one state (REPEATABLE READ, read only)."""
        ...

    def listen(self, channel: str) -> AbstractAsyncContextManager[Signal]:
        """PostgreSQL's LISTEN; on SQLite any commit of this process, and a short poll for those of others."""
        ...

    async def close(self) -> None: ...
