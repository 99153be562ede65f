"""How clients prove who they are, and what they are bound to."""

from bedside.auth.column_types import run

revision = "0002"
down_revision = "0001"

_COLUMNS = (
    "auth_method text NOT NULL DEFAULT 'none'",
    "old_secret_hash text",
    "secret_made_at {instant}",
    "jwks {json}",
    "jwks_uri text",
    "assertion_to_issuer {flag} NOT NULL DEFAULT false",
    "bound_to_par {flag} NOT NULL DEFAULT false",
    "bound_to_dpop {flag} NOT NULL DEFAULT false",
    "links {json} NOT NULL DEFAULT '{{}}'",
    "registered_by text",
    "registered_at {instant}",
    "registration_token_hash text",
)


def upgrade() -> None:
    run(
        *(f"ALTER TABLE client ADD COLUMN {column}" for column in _COLUMNS),
        "UPDATE client SET auth_method = 'client_secret_basic' WHERE secret_hash IS NOT NULL",
        """CREATE TABLE initial_access_token(
            id text PRIMARY KEY,
            made_by text NOT NULL,
            expires_at {instant} NOT NULL,
            used_at {instant})""",
        """CREATE TABLE seen_jti(
            whose text NOT NULL,
            jti text NOT NULL,
            until {instant} NOT NULL,
            PRIMARY KEY(whose, jti))""",
        "CREATE INDEX seen_jti_until ON seen_jti(until)",
    )
