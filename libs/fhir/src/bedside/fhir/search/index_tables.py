"""The index tables that search reads: their columns, and their DDL in both dialects.

Rows are only ever inserted. Each belongs to a version (`vid`), so the version's interval says when the row counts.
"""

from dataclasses import dataclass

from bedside.events.database import Dialect

# The kinds of column: what SQLite and PostgreSQL call them.
_TYPES: dict[str, dict[Dialect, str]] = {
    "small": {"sqlite": "INTEGER", "postgresql": "smallint"},
    "big": {"sqlite": "INTEGER", "postgresql": "bigint"},
    "real": {"sqlite": "REAL", "postgresql": "double precision"},
    "text": {"sqlite": "TEXT", "postgresql": 'text COLLATE "C"'},
}


@dataclass(frozen=True)
class IndexTable:
    """`by_version`: a second index from the version to its rows, for sorting, includes and intersections."""

    name: str
    columns: dict[str, str]
    by_version: bool = False


TABLES: tuple[IndexTable, ...] = (
    IndexTable("ix_token", {"sp": "small", "h": "big", "vid": "big"}),
    IndexTable("ix_ptoken", {"prid": "big", "sp": "small", "h": "big", "vid": "big"}),
    IndexTable("ix_ref", {"sp": "small", "trid": "big", "vid": "big"}, by_version=True),
    IndexTable("ix_uri", {"sp": "small", "uri": "text", "vid": "big"}, by_version=True),
    IndexTable("ix_date", {"sp": "small", "cls": "small", "lo": "big", "hi": "big", "vid": "big"}, by_version=True),
    IndexTable("ix_num", {"sp": "small", "lo": "real", "hi": "real", "vid": "big"}, by_version=True),
    IndexTable("ix_qty", {"sp": "small", "uh": "big", "lo": "real", "hi": "real", "vid": "big"}, by_version=True),
    IndexTable("ix_string", {"sp": "small", "norm": "text", "vid": "big", "xh": "big"}, by_version=True),
    IndexTable("ix_tq", {"sp": "small", "h": "big", "uh": "big", "lo": "real", "hi": "real", "vid": "big"}),
    IndexTable("ix_td", {"sp": "small", "h": "big", "cls": "small", "lo": "big", "hi": "big", "vid": "big"}),
    IndexTable("ix_tt", {"sp": "small", "h": "big", "h2": "big", "vid": "big"}),
    IndexTable("ix_ts", {"sp": "small", "h": "big", "norm": "text", "vid": "big", "xh": "big"}),
    IndexTable("ix_tr", {"sp": "small", "h": "big", "trid": "big", "vid": "big"}),
    IndexTable("compartment", {"crid": "big", "type_id": "small", "vid": "big"}),
)

COLUMNS: dict[str, tuple[str, ...]] = {table.name: tuple(table.columns) for table in TABLES}


def statements(dialect: Dialect) -> list[str]:
    """The DDL, in order, for a migration to execute one by one."""
    made: list[str] = []
    for table in TABLES:
        columns = ", ".join(f"{name} {_TYPES[kind][dialect]} NOT NULL" for name, kind in table.columns.items())
        key = ", ".join(table.columns)
        if dialect == "sqlite":
            made.append(f"CREATE TABLE {table.name} ({columns}, PRIMARY KEY ({key})) WITHOUT ROWID")
        else:
            # No primary key: nothing updates or deletes single rows, and COPY is faster without the check.
            made.append(f"CREATE TABLE {table.name} ({columns})")
            made.append(f"CREATE INDEX {table.name}_key ON {table.name} ({key})")
        if table.by_version:
            made.append(f"CREATE INDEX {table.name}_vid ON {table.name} (vid, sp)")
    return made
