"""From a URL to a database."""

from pathlib import Path

from bedside.events.database.port import Database


async def open_database(url: str, *, connections_max: int = 10) -> Database:
    """`sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://user@host/name`.

    The SQLite file's folder is made; the schema is the migrations' business.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        from bedside.events.database.sqlite import SqliteDatabase

        path = Path(rest.removeprefix("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        return SqliteDatabase(url, path)
    if scheme in ("postgresql", "postgres"):
        from bedside.events.database.postgresql import PostgresqlDatabase

        return await PostgresqlDatabase.open(url, connections_max=connections_max)
    raise ValueError(f"a database URL begins with sqlite:// or postgresql://, not {scheme}://")
