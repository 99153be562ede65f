"""Bringing a database's tables up to date, one library at a time."""

import importlib.util
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, pool, text

_LOCK_WAIT_S = 60


def migrate(url: str, package: str) -> None:
    """Runs the revisions in `<package>.migrations/versions` that the database at `url` has not seen.

    Safe when two processes do it at once: the second waits, and finds nothing left to do. All or nothing.
    """
    folder = _folder(package)
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    version_table = f"alembic_{package.rpartition('.')[2]}"
    with (
        _locked(url, version_table) as connection,
        EnvironmentContext(
            config, script, fn=lambda revision, _: script._upgrade_revs("head", revision)
        ) as environment,
    ):
        environment.configure(connection=connection, version_table=version_table)
        environment.run_migrations()


def _folder(package: str) -> Path:
    spec = importlib.util.find_spec(f"{package}.migrations")
    places = spec.submodule_search_locations if spec is not None else None
    assert places, f"{package} has no folder 'migrations'"
    return Path(next(iter(places)))


@contextmanager
def _locked(url: str, name: str) -> Iterator[Connection]:
    """A transaction that only one process has at a time."""
    if url.startswith("sqlite:"):
        Path(url.partition(":///")[2]).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, poolclass=pool.NullPool, connect_args={"timeout": _LOCK_WAIT_S})
        # The driver must not begin transactions by itself: we take the writer's place before looking at the version.
        event.listen(engine, "connect", _without_implicit_transactions)
        event.listen(engine, "begin", _begin_immediate)
    else:
        rest = url.partition("://")[2]
        engine = create_engine(f"postgresql+psycopg://{rest}", poolclass=pool.NullPool)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_WAIT_S}s'"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": zlib.crc32(name.encode())})
            yield connection
    finally:
        engine.dispose()


def _without_implicit_transactions(connection: Any, _: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
