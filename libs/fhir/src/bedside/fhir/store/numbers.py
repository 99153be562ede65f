"""The numbers of resources, versions and transactions."""

from collections.abc import Collection, Sequence

import orjson

from bedside.events.database import Connection
from bedside.events.database.port import Reader
from bedside.fhir.definitions import definitions
from bedside.fhir.store import locks
from bedside.fhir.store.draft import Author


def pairs(keys: Collection[str]) -> list[tuple[int, str]]:
    """(type number, id) of each `Type/id`, sorted, so that everyone locks in one order."""
    known = definitions()
    return sorted((known.type_id(type_name), id) for type_name, _, id in (key.partition("/") for key in keys))


def key_of(type_id: int, id: str) -> str:
    """`Patient/p1`."""
    return f"{definitions().type_name(type_id)}/{id}"


async def versions(connection: Connection, count: int) -> Sequence[int]:
    """So many new version numbers, ascending."""
    if connection.dialect == "postgresql":
        rows = await connection.fetch("SELECT nextval('version_vid') FROM generate_series(1, $1::int)", count)
        return [row[0] for row in rows]
    last = await connection.fetch_row("SELECT coalesce(max(vid), 0) FROM version")
    assert last is not None, "an aggregate always gives a row"
    return range(last[0] + 1, last[0] + 1 + count)


async def resources(connection: Connection, new: dict[str, int | None]) -> dict[str, int]:
    """A number for each new `Type/id`, with its current version or None for one only mentioned.

    A key that another transaction added meanwhile is left out.
    """
    if not new:
        return {}
    keys = pairs(new)
    if connection.dialect == "postgresql":
        rows = await connection.fetch(
            "INSERT INTO resource (type_id, fid, cur_vid)"
            " SELECT * FROM unnest($1::smallint[], $2::text[], $3::bigint[])"
            " ON CONFLICT DO NOTHING RETURNING rid, type_id, fid",
            [type_id for type_id, _ in keys],
            [id for _, id in keys],
            [new[key_of(type_id, id)] for type_id, id in keys],
        )
        return {key_of(type_id, id): rid for rid, type_id, id in rows}
    last = await connection.fetch_row("SELECT coalesce(max(rid), 0) FROM resource")
    assert last is not None, "an aggregate always gives a row"
    numbered = {key_of(*pair): last[0] + 1 + place for place, pair in enumerate(keys)}
    await connection.insert_rows(
        "resource",
        ("rid", "type_id", "fid", "cur_vid"),
        [(numbered[key_of(*pair)], *pair, new[key_of(*pair)]) for pair in keys],
    )
    return numbered


# Times of transactions never go back, whatever the clocks of several processes say: "as of" is then one number.
_TRANSACTIONS = """INSERT INTO txn (txn, ts, who, req)
    SELECT l.txn + a.n, CASE WHEN l.ts > $1 THEN l.ts ELSE $2 END, a.who, a.req
    FROM (SELECT txn, ts FROM (SELECT txn, ts FROM txn ORDER BY txn DESC LIMIT 1) newest
          UNION ALL SELECT 0, 0 ORDER BY 1 DESC LIMIT 1) l CROSS JOIN {authors}
    RETURNING txn"""
_POSTGRESQL = _TRANSACTIONS.format(authors="unnest($3::text[], $4::text[]) WITH ORDINALITY AS a(who, req, n)")
_SQLITE = _TRANSACTIONS.format(
    authors="(SELECT key + 1 AS n, json_extract(value, '$[0]') AS who, json_extract(value, '$[1]') AS req"
    " FROM json_each($3)) AS a"
)


async def transactions(connection: Connection, authors: Sequence[Author], ts: int) -> range:
    """A number for each author, ascending: taken last, held to the commit. `ts` is not before the versions' times."""
    await locks.take_numbering(connection)
    named = [(author.who, author.request_id) for author in authors]
    if connection.dialect == "postgresql":
        rows = await connection.fetch(_POSTGRESQL, ts, ts, *(list(column) for column in zip(*named, strict=True)))
    else:
        rows = await connection.fetch(_SQLITE, ts, ts, orjson.dumps(named).decode())
    first = min(int(row[0]) for row in rows)
    return range(first, first + len(rows))


def keys_table(reader: Reader, keys: Collection[str]) -> tuple[str, tuple[object, ...]]:
    """`k(t, f)` for a FROM clause, and its arguments: the keys as rows."""
    rows = pairs(keys)
    if reader.dialect == "postgresql":
        return "unnest($1::smallint[], $2::text[]) AS k(t, f)", ([t for t, _ in rows], [f for _, f in rows])
    table = "(SELECT json_extract(value, '$[0]') AS t, json_extract(value, '$[1]') AS f FROM json_each($1)) AS k"
    return table, (orjson.dumps(rows).decode(),)


def numbers_table(reader: Reader, numbers: Collection[int]) -> tuple[str, object]:
    """`k(n)` for a FROM clause, and its one argument."""
    if reader.dialect == "postgresql":
        return "unnest($1::bigint[]) AS k(n)", sorted(numbers)
    return "(SELECT value AS n FROM json_each($1)) AS k", orjson.dumps(sorted(numbers)).decode()
