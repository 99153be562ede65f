"""Second factors, and what a sign-in still waits for."""

from bedside.auth.column_types import run

revision = "0005"
down_revision = "0004"

_STATEMENTS = (
    """CREATE TABLE credential(
        id text PRIMARY KEY,
        user_id text NOT NULL REFERENCES "user"(id),
        kind text NOT NULL,
        label text NOT NULL,
        sealed {bytes} NOT NULL,
        known_by text UNIQUE,
        counter bigint NOT NULL,
        created_at {instant} NOT NULL,
        confirmed_at {instant},
        used_at {instant})""",
    "CREATE INDEX credential_of_user ON credential(user_id)",
    "CREATE TABLE spent_challenge(id text PRIMARY KEY, until {instant} NOT NULL)",
    "ALTER TABLE session ADD COLUMN secret_hash text",
    "ALTER TABLE session ADD COLUMN methods text NOT NULL DEFAULT 'pwd'",
    "ALTER TABLE session ADD COLUMN completed_at {instant}",
    "ALTER TABLE session ADD COLUMN factor_at {instant}",
    "ALTER TABLE session ADD COLUMN factor_failures integer NOT NULL DEFAULT 0",
    "ALTER TABLE session ADD COLUMN agent text",
    # Sessions from before go on as they were: their id was the hash of the cookie.
    "UPDATE session SET secret_hash = id, completed_at = auth_time",
    "CREATE UNIQUE INDEX session_secret ON session(secret_hash)",
    "CREATE INDEX session_of_user ON session(user_id) WHERE ended_at IS NULL",
    "ALTER TABLE auth_request ADD COLUMN factor_after {instant}",
    "ALTER TABLE grant_family ADD COLUMN methods text NOT NULL DEFAULT 'pwd'",
)


def upgrade() -> None:
    run(*_STATEMENTS)
