"""Pushed requests, proofs of possession, and the life of keys."""

from bedside.auth.column_types import run

revision = "0003"
down_revision = "0002"

_KEYS = (
    "DROP INDEX signing_key_active",
    "ALTER TABLE signing_key RENAME TO signing_key_before",
    """CREATE TABLE signing_key(
        kid text PRIMARY KEY,
        algorithm text NOT NULL,
        follows text NOT NULL UNIQUE,
        public {json} NOT NULL,
        sealed {bytes} NOT NULL,
        created_at {instant} NOT NULL,
        signs_from {instant} NOT NULL,
        gone_at {instant})""",
    # Until now an installation had one key of each kind, which was active.
    """INSERT INTO signing_key(kid, algorithm, follows, public, sealed, created_at, signs_from)
        SELECT kid, algorithm, 'first ' || algorithm, public, sealed, created_at, created_at
        FROM signing_key_before WHERE state = 'active'""",
    "DROP TABLE signing_key_before",
)
_PUSHED = (
    """CREATE TABLE pushed_request(
        id text PRIMARY KEY,
        client_id text NOT NULL REFERENCES client(id),
        parameters {json} NOT NULL,
        bound_to_key text,
        expires_at {instant} NOT NULL,
        used_at {instant})""",
    "CREATE INDEX ix_pushed_request_expires_at ON pushed_request(expires_at)",
)
_TABLES_BOUND = ("auth_request", "auth_code", "grant_family")
_BOUND = tuple(f"ALTER TABLE {table} ADD COLUMN bound_to_key text" for table in _TABLES_BOUND)


def upgrade() -> None:
    run(*_KEYS, *_PUSHED, *_BOUND)
