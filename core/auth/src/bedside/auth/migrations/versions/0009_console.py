"""What the console keeps."""

from bedside.auth.column_types import run

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run(
        """CREATE TABLE console_note(
            id text PRIMARY KEY,
            session_id text NOT NULL REFERENCES session(id),
            sealed {bytes} NOT NULL,
            expires_at {instant} NOT NULL)""",
        # What administrators look for, so that a page does not read the whole table.
        "CREATE INDEX session_seen ON session(seen_at) WHERE ended_at IS NULL",
    )
