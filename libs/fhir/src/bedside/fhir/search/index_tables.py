"""The index tables that search reads: their columns, and their DDL in both dialects.

Rows are only ever inserted. Each belongs to a version (`vid`), so the version's interval says when the row counts.
"""

from collections.abc import Collection
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
    """`by_version`: a second index from the version to its rows, for sorting, includes and intersections.

    `walked`: columns by which, within a parameter, a search may walk in their order; the first of the key needs none.
    """

    name: str
    columns: dict[str, str]
    by_version: bool = False
    walked: tuple[str, ...] = ()


TABLES: tuple[IndexTable, ...] = (
    IndexTable("ix_token", {"sp": "small", "h": "big", "vid": "big"}),
    IndexTable("ix_ptoken", {"prid": "big", "sp": "small", "h": "big", "vid": "big"}),
    IndexTable("ix_ref", {"sp": "small", "trid": "big", "vid": "big"}, by_version=True),
    IndexTable("ix_uri", {"sp": "small", "uri": "text", "vid": "big"}, by_version=True),
    IndexTable(
        "ix_date",
        {"sp": "small", "cls": "small", "lo": "big", "hi": "big", "vid": "big"},
        by_version=True,
        walked=("lo", "hi"),
    ),
    IndexTable("ix_num", {"sp": "small", "lo": "real", "hi": "real", "vid": "big"}, by_version=True),
    IndexTable("ix_qty", {"sp": "small", "uh": "big", "lo": "real", "hi": "real", "vid": "big"}, by_version=True),
    IndexTable("ix_string", {"sp": "small", "norm": "text", "vid": "big", "xh": "big"}, by_version=True),
    IndexTable("ix_tq", {"sp": "small", "h": "big", "uh": "big", "lo": "real", "hi": "real", "vid": "big"}),
    IndexTable("ix_td", {"sp": "small", "h": "big", "cls": "small", "lo": "big", "hi": "big", "vid": "big"}),
    IndexTable("ix_tt", {"sp": "small", "h": "big", "h2": "big", "vid": "big"}),
    IndexTable("ix_ts", {"sp": "small", "h": "big", "norm": "text", "vid": "big", "xh": "big"}),
    IndexTable("ix_tr", {"sp": "small", "h": "big", "trid": "big", "vid": "big"}),
    IndexTable("ix_near", {"sp": "small", "z": "real", "x": "real", "y": "real", "vid": "big"}),
    IndexTable("compartment", {"crid": "big", "type_id": "small", "vid": "big"}),
)

# Full text is each database's own matter; the name of the column is SQLite's, where it is the key of every table.
_WORDS: dict[Dialect, tuple[str, ...]] = {
    "sqlite": (
        "CREATE VIRTUAL TABLE ix_words USING fts5(words, content='', detail=none, columnsize=0, tokenize='ascii')",
    ),
    "postgresql": (
        'CREATE TABLE ix_words (rowid bigint PRIMARY KEY, words text COLLATE "C" NOT NULL)',
        "CREATE INDEX ix_words_key ON ix_words USING gin (to_tsvector('simple', words))",
    ),
}

COLUMNS: dict[str, tuple[str, ...]] = {
    **{table.name: tuple(table.columns) for table in TABLES},
    "ix_words": ("rowid", "words"),
}

# By table and column, in order: what PostgreSQL calls the type of a value.
COLUMN_TYPES: dict[str, dict[str, str]] = {
    **{
        table.name: {name: _TYPES[kind]["postgresql"].partition(" COLLATE")[0] for name, kind in table.columns.items()}
        for table in TABLES
    },
    "ix_words": {"rowid": "bigint", "words": "text"},
}


def statements(dialect: Dialect, only: Collection[str] | None = None) -> list[str]:
    """The DDL, in order, for a migration to execute one by one; of all tables, or of these."""
    made: list[str] = [*_WORDS[dialect]] if only is None or "ix_words" in only else []
    for table in TABLES:
        if only is None or table.name in only:
            made += _statements(table, dialect)
    return made


def _statements(table: IndexTable, dialect: Dialect) -> list[str]:
    columns = ", ".join(f"{name} {_TYPES[kind][dialect]} NOT NULL" for name, kind in table.columns.items())
    key = ", ".join(table.columns)
    if dialect == "sqlite":
        made = [f"CREATE TABLE {table.name} ({columns}, PRIMARY KEY ({key})) WITHOUT ROWID"]
    else:
        # No primary key: nothing updates or deletes single rows, and COPY is faster without the check.
        made = [f"CREATE TABLE {table.name} ({columns})", f"CREATE INDEX {table.name}_key ON {table.name} ({key})"]
    if table.by_version:
        made.append(f"CREATE INDEX {table.name}_vid ON {table.name} (vid, sp)")
    made += [f"CREATE INDEX {table.name}_{column} ON {table.name} (sp, {column}, vid)" for column in table.walked]
    return made
