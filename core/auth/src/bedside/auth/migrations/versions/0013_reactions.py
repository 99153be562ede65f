"""Which patients were merged, and whose account followed."""

from bedside.auth.column_types import run

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run(
        "ALTER TABLE followed_record ADD COLUMN survivor text",
        'ALTER TABLE "user" ADD COLUMN merged_from text',
    )
