"""`bedside migrate`: the databases stand and are up to date."""

from contextlib import closing
from urllib.parse import urlsplit, urlunsplit

from bedside.cli.failure import Failure
from bedside.cli.programs import MIGRATIONS, START_ORDER, service_named
from bedside.events.migrating import migrate
from bedside.service.settings import Settings


def migrate_all(settings: Settings, services: tuple[str, ...] = ()) -> None:
    """Safe to run twice, and from two places at once: the second waits for the first."""
    for service in [service_named(name) for name in services] or START_ORDER:
        if MIGRATIONS[service]:
            url = settings.database_url(service)
            _make_database(url)
            for package in MIGRATIONS[service]:
                migrate(url, package)


def _make_database(url: str) -> None:
    if not url.startswith("postgres"):
        settings_folder = url.removeprefix("sqlite:///").rpartition("/")[0]
        _make_folder(settings_folder)
        return
    import psycopg
    from psycopg import sql

    parts = urlsplit(url)
    name = parts.path.strip("/")
    try:
        with closing(psycopg.connect(urlunsplit(parts._replace(path="/postgres")), autocommit=True)) as server:
            if server.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                try:
                    server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
                except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    return
    except psycopg.OperationalError as error:
        # The driver's message names host and user, never the password.
        raise Failure(f"PostgreSQL cannot be reached: {str(error).strip()}") from error


def _make_folder(path: str) -> None:
    from pathlib import Path

    Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)
