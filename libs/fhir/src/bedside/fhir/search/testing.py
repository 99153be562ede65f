"""A shelf of versions to search through in tests, on SQLite or PostgreSQL, without the store's write path."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import orjson

from bedside.events.database import Connection, Database, open_database
from bedside.fhir.definitions import definitions
from bedside.fhir.search import index_tables
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.indexing import index
from bedside.fhir.search.purview import UNCONFINED
from bedside.fhir.search.query import Query, parse
from bedside.fhir.search.running import Page, run
from bedside.fhir.store import tables

EPOCH_TS = 1_700_000_000_000_000  # 2023-11-14T22:13:20Z; each transaction is a second later.


class Shelf:
    """Resources with their versions and index rows. Every `put` is one transaction."""

    def __init__(self, database: Database, facility: Facility | None = None) -> None:
        self.database = database
        self.facility = facility or Facility()
        self._txn = self._vid = 0
        self._rids: dict[str, int] = {}
        self._current: dict[int, tuple[int, int]] = {}

    async def put(self, *resources: dict[str, Any]) -> int:
        """The transaction's number."""
        self._txn += 1
        ts = EPOCH_TS + self._txn * 1_000_000
        async with self.database.transaction() as connection:
            await connection.execute(
                "INSERT INTO txn (txn, ts, who, req) VALUES ($1, $2, 'test', 'test')", self._txn, ts
            )
            for resource in resources:
                await self._put(connection, resource, ts)
        return self._txn

    async def delete(self, key: str) -> int:
        """`key` is `Type/id`."""
        self._txn += 1
        ts = EPOCH_TS + self._txn * 1_000_000
        async with self.database.transaction() as connection:
            await connection.execute(
                "INSERT INTO txn (txn, ts, who, req) VALUES ($1, $2, 'test', 'test')", self._txn, ts
            )
            await self._version(connection, key, "D", b"", ts)
        return self._txn

    async def _put(self, connection: Connection, resource: dict[str, Any], ts: int) -> None:
        key = f"{resource['resourceType']}/{resource['id']}"
        vid = await self._version(connection, key, "U", orjson.dumps(resource), ts)
        indexed = index(resource, self.facility)
        for mentioned in {*indexed.references, *(f"Patient/{id}" for id in indexed.patients)}:
            await self._rid(connection, mentioned)
        for table, rows in indexed.rows(vid, self._rids.__getitem__).items():
            await connection.insert_rows(table, index_tables.COLUMNS[table], rows)

    async def _version(self, connection: Connection, key: str, op: str, body: bytes, ts: int) -> int:
        rid = await self._rid(connection, key)
        self._vid += 1
        before = self._current.get(rid)
        if before:
            await connection.execute("UPDATE version SET txn_to = $1 WHERE vid = $2", self._txn, before[0])
        number = before[1] + 1 if before else 1
        self._current[rid] = (self._vid, number)
        await connection.execute(
            "INSERT INTO version (vid, rid, ver, type_id, txn_from, op, ts, sha, body)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            self._vid,
            rid,
            number,
            definitions().type_id(key.partition("/")[0]),
            self._txn,
            op,
            ts,
            b"",
            body,
        )
        return self._vid

    async def _rid(self, connection: Connection, key: str) -> int:
        if key not in self._rids:
            self._rids[key] = len(self._rids) + 1
            type_name, _, id = key.partition("/")
            await connection.execute(
                "INSERT INTO resource (rid, type_id, fid) VALUES ($1, $2, $3)",
                self._rids[key],
                definitions().type_id(type_name),
                id,
            )
        return self._rids[key]

    def query(self, asked: str) -> Query:
        """`Patient?name=x`."""
        type_name, _, parameters = asked.partition("?")
        pairs = parse_qsl(parameters, keep_blank_values=True) if parameters else []
        return parse(type_name, pairs, facility=self.facility)

    async def page(self, asked: str, **seen: Any) -> Page:
        seen.setdefault("purview", UNCONFINED)
        return await run(self.database, self.query(asked), **seen)

    async def found(self, asked: str, **seen: Any) -> list[str]:
        """The ids of the matches, in order: newest first unless sorted."""
        return [match.id for match in (await self.page(asked, **seen)).matches]


@asynccontextmanager
async def shelf(dialect: str, folder: Path, facility: Facility | None = None) -> AsyncIterator[Shelf]:
    """Empty, on a database of its own that goes when it is closed."""
    async with _emptied(dialect, folder) as database:
        async with database.transaction() as connection:
            for statement in (*tables.statements(database.dialect), *index_tables.statements(database.dialect)):
                await connection.execute(statement)
        yield Shelf(database, facility)


@asynccontextmanager
async def _emptied(dialect: str, folder: Path) -> AsyncIterator[Database]:
    if dialect == "sqlite":
        database = await open_database(f"sqlite:///{folder / 'shelf.db'}")
        yield database
        await database.close()
        return
    server = os.environ.get("BEDSIDE_TEST_DATABASE_URL")
    assert server, "BEDSIDE_TEST_DATABASE_URL must name a PostgreSQL server"
    schema = f"shelf_{uuid4().hex}"
    outside = await open_database(server, connections_max=1)
    async with outside.transaction() as connection:
        await connection.execute(f"CREATE SCHEMA {schema}")
    separator = "&" if "?" in server else "?"
    database = await open_database(f"{server}{separator}search_path={schema}", connections_max=3)
    try:
        yield database
    finally:
        await database.close()
        async with outside.transaction() as connection:
            await connection.execute(f"DROP SCHEMA {schema} CASCADE")
        await outside.close()
