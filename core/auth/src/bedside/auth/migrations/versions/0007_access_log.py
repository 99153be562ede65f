"""The access log."""

from bedside.auth.column_types import run

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run(
        """CREATE TABLE audit_event(
            id text PRIMARY KEY,
            recorded_at {instant} NOT NULL,
            action text NOT NULL,
            outcome text NOT NULL,
            user_id text,
            client_id text,
            patient text,
            entity text,
            detail {json} NOT NULL)""",
        "CREATE INDEX audit_event_recorded ON audit_event(recorded_at)",
    )
