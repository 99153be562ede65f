"""Resources, their versions, and the index rows that belong to versions."""

from typing import cast

from alembic import op

from bedside.events.database import Dialect
from bedside.fhir.bulk import jobs
from bedside.fhir.search import index_tables
from bedside.fhir.store import tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    dialect = cast(Dialect, op.get_bind().dialect.name)
    for statement in (*tables.statements(dialect), *index_tables.statements(dialect), *jobs.statements(dialect)):
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("versions of a patient's record are never dropped")
