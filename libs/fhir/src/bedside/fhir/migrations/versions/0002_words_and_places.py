"""Index tables for words and places, where the first revision was made before they were among its tables."""

from typing import cast

import sqlalchemy
from alembic import op

from bedside.events.database import Dialect
from bedside.fhir.search import index_tables

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    held = set(sqlalchemy.inspect(connection).get_table_names())
    missing = {"ix_words", "ix_near"} - held
    for statement in index_tables.statements(cast(Dialect, connection.dialect.name), missing):
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("versions of a patient's record are never dropped")
