"""Whom a registration token is for."""

from bedside.auth.column_types import run

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run("ALTER TABLE initial_access_token ADD COLUMN made_for text NOT NULL DEFAULT ''")
