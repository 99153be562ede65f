"""One unit of work: one transaction, on SQLite or PostgreSQL."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlmodel import Session

from bedside.auth.refusals import OAuthRefused

_CONNECTIONS_MAX = 15
_CONNECTION_WAIT_S = 10
_LOCK_WAIT_S = 10
_LIVELY_FOR_S = 1.0
_RETURNED = "returned at"


class Units:
    """Opens units of work. To be used from worker threads, never from the event loop."""

    def __init__(self, url: str) -> None:
        """`url` as settings have it: `sqlite:////file` or `postgresql://…`."""
        self._engine = _engine(url)

    @contextmanager
    def unit(self) -> Iterator[Session]:
        """Commits at the end, and on a refusal too: a burnt code or a counted failure must stay.

        Rolls back on anything else.
        """
        with Session(self._engine, expire_on_commit=False) as session:
            try:
                yield session
            except OAuthRefused:
                session.commit()
                raise
            session.commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Reads one state, and waits for no writer: it may be opened beside an open unit."""
        with Session(self._engine.execution_options(reading=True), expire_on_commit=False) as session:
            yield session

    def close(self) -> None:
        self._engine.dispose()


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite:"):
        rest = url.partition("://")[2]
        server = create_engine(
            f"postgresql+psycopg://{rest}",
            pool_size=5,
            max_overflow=_CONNECTIONS_MAX - 5,
            pool_timeout=_CONNECTION_WAIT_S,
        )
        _ask_the_idle(server)
        return server
    engine = create_engine(
        url,
        pool_size=5,
        max_overflow=_CONNECTIONS_MAX - 5,
        pool_timeout=_CONNECTION_WAIT_S,
        connect_args={"timeout": _LOCK_WAIT_S, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepared)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _ask_the_idle(engine: Engine) -> None:
    """A connection is asked whether it lives before it is used again, unless it was used a moment ago.

    SQLAlchemy's own asking costs every request a round trip. Who meets a database that went away within that moment is
    told to try again.
    """

    def returned(_: object, record: Any) -> None:
        record.info[_RETURNED] = time.monotonic()

    def taken(connection: Any, record: Any, _: object) -> None:
        if time.monotonic() - record.info.get(_RETURNED, -math.inf) < _LIVELY_FOR_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            # Its neighbours in the pool are not better off.
            raise InvalidatePoolError from error

    event.listen(engine, "checkin", returned)
    event.listen(engine, "checkout", taken)


def _prepared(connection: Any, _: object) -> None:
    # Transactions begin where we say, not where the driver thinks.
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_immediate(connection: Connection) -> None:
    # Who may write queues at the start; turning a reading transaction into a writing one fails when another did.
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get("reading") else "BEGIN IMMEDIATE")
