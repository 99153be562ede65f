"""New rows for several tables: on PostgreSQL in one round trip, when they are few.

COPY takes two round trips for each table, and one resource has rows in a dozen.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bedside.events.database import Connection
from bedside.fhir.search.index_tables import COLUMN_TYPES

# Above this many rows COPY is quicker.
AT_ONCE_MAX = 3000
Rows = Mapping[str, Sequence[Sequence[Any]]]

# Columns in order, and what PostgreSQL calls their types.
_TYPES: dict[str, dict[str, str]] = {
    **COLUMN_TYPES,
    "mention": {"trid": "bigint", "vid": "bigint"},
    "version": {
        "vid": "bigint",
        "rid": "bigint",
        "ver": "integer",
        "type_id": "smallint",
        "txn_from": "bigint",
        "op": "text",
        "ts": "bigint",
        "sha": "bytea",
        "body": "bytea",
    },
}


async def insert(connection: Connection, rows: Rows) -> None:
    """By table; the values in the order of its columns. No row may exist already."""
    rows = {table: added for table, added in rows.items() if added}
    if connection.dialect == "postgresql" and sum(map(len, rows.values())) <= AT_ONCE_MAX:
        if rows:
            sql, arguments = _at_once(rows)
            await connection.fetch(sql, *arguments)
        return
    for table, added in rows.items():
        await connection.insert_rows(table, tuple(_TYPES[table]), added)


def _at_once(rows: Rows) -> tuple[str, list[list[Any]]]:
    arguments: list[list[Any]] = []
    parts: list[str] = []
    for table in sorted(rows):
        types = _TYPES[table]
        places = ", ".join(f"${len(arguments) + place}::{type}[]" for place, type in enumerate(types.values(), start=1))
        parts.append(f"{table}_ AS (INSERT INTO {table} ({', '.join(types)}) SELECT * FROM unnest({places}))")
        arguments += [list(column) for column in zip(*rows[table], strict=True)]
    return f"WITH {', '.join(parts)} SELECT 1", arguments
