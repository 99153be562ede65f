"""Emergency access, and its review."""

from bedside.auth.column_types import run

revision = "0008"
down_revision = "0007"

_STATEMENTS = (
    """CREATE TABLE glass(
        id text PRIMARY KEY,
        user_id text NOT NULL REFERENCES "user"(id),
        family text NOT NULL,
        client_id text NOT NULL,
        patient text NOT NULL,
        reason text NOT NULL,
        note text NOT NULL,
        began_at {instant} NOT NULL,
        until {instant} NOT NULL,
        ended_at {instant},
        ended_by text,
        reviewed_at {instant},
        reviewed_by text REFERENCES "user"(id),
        verdict text,
        review_note text,
        CHECK((ended_at IS NULL) = (ended_by IS NULL)),
        CHECK((reviewed_at IS NULL) = (verdict IS NULL) AND (reviewed_at IS NULL) = (reviewed_by IS NULL)))""",
    # Of two that are asked for at once, one is made.
    "CREATE UNIQUE INDEX glass_standing ON glass(user_id, patient) WHERE ended_at IS NULL",
    "CREATE INDEX glass_of_family ON glass(family) WHERE ended_at IS NULL",
    "CREATE INDEX glass_to_review ON glass(began_at) WHERE reviewed_at IS NULL",
    "CREATE INDEX glass_of_user ON glass(user_id, began_at)",
)


def upgrade() -> None:
    run(*_STATEMENTS)
