"""What migrations call the types that PostgreSQL and SQLite name differently."""

from alembic import op

_TYPES = {
    "postgresql": {"instant": "timestamptz", "bytes": "bytea", "json": "json", "flag": "boolean"},
    "sqlite": {"instant": "timestamp", "bytes": "blob", "json": "text", "flag": "boolean"},
}


def run(*statements: str) -> None:
    """Runs the statements in order; `{instant}`, `{bytes}`, `{json}` and `{flag}` stand for types."""
    types = _TYPES[op.get_context().dialect.name]
    for statement in statements:
        op.execute(statement.format(**types))
