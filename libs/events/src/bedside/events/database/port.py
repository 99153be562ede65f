"""What a database must do for us, whichever it is."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

Dialect = Literal["sqlite", "postgresql"]
Row = tuple[Any, ...]


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

    async def close(self) -> None: ...
