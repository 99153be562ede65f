"""Indexes to walk by and into time, where earlier revisions were made before they were among the tables' own."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INDEXES = (
    "CREATE INDEX IF NOT EXISTS ix_date_lo ON ix_date (sp, lo, vid)",
    "CREATE INDEX IF NOT EXISTS ix_date_hi ON ix_date (sp, hi, vid)",
    "CREATE INDEX IF NOT EXISTS version_by_time ON version (type_id, ts, vid)",
)


def upgrade() -> None:
    for statement in _INDEXES:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("versions of a patient's record are never dropped")
