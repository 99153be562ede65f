"""People, clients, what was granted to them, and the keys that sign it."""

from bedside.auth.column_types import run

revision = "0001"
down_revision = None

_STATEMENTS = (
    """CREATE TABLE "user"(
        id text PRIMARY KEY,
        username text NOT NULL UNIQUE,
        name text NOT NULL,
        password_hash text NOT NULL,
        fhir_user text,
        patient text,
        active {flag} NOT NULL,
        created_at {instant} NOT NULL)""",
    """CREATE TABLE user_role(
        user_id text NOT NULL REFERENCES "user"(id),
        role text NOT NULL,
        since {instant} NOT NULL,
        until {instant},
        PRIMARY KEY(user_id, role))""",
    """CREATE TABLE attempt(
        account text PRIMARY KEY,
        failures integer NOT NULL,
        locked_until {instant})""",
    """CREATE TABLE client(
        id text PRIMARY KEY,
        name text NOT NULL,
        secret_hash text,
        grant_types {json} NOT NULL,
        redirect_uris {json} NOT NULL,
        post_logout_redirect_uris {json} NOT NULL,
        scope text NOT NULL,
        audiences {json} NOT NULL,
        exchange_audiences {json} NOT NULL,
        first_party {flag} NOT NULL,
        service {flag} NOT NULL,
        active {flag} NOT NULL)""",
    """CREATE TABLE session(
        id text PRIMARY KEY,
        user_id text NOT NULL REFERENCES "user"(id),
        auth_time {instant} NOT NULL,
        seen_at {instant} NOT NULL,
        ends_at {instant} NOT NULL,
        ended_at {instant})""",
    """CREATE TABLE auth_request(
        id text PRIMARY KEY,
        browser text NOT NULL,
        client_id text NOT NULL REFERENCES client(id),
        redirect_uri text NOT NULL,
        scope text NOT NULL,
        state text,
        nonce text,
        challenge text NOT NULL,
        must_consent {flag} NOT NULL,
        signed_in_after {instant},
        expires_at {instant} NOT NULL,
        answered_at {instant})""",
    """CREATE TABLE auth_code(
        id text PRIMARY KEY,
        family text NOT NULL,
        client_id text NOT NULL REFERENCES client(id),
        user_id text NOT NULL REFERENCES "user"(id),
        session_id text NOT NULL REFERENCES session(id),
        redirect_uri text NOT NULL,
        scope text NOT NULL,
        challenge text NOT NULL,
        nonce text,
        expires_at {instant} NOT NULL,
        used_at {instant})""",
    """CREATE TABLE grant_family(
        id text PRIMARY KEY,
        client_id text NOT NULL REFERENCES client(id),
        user_id text NOT NULL REFERENCES "user"(id),
        session_id text NOT NULL REFERENCES session(id),
        scope text NOT NULL,
        patient text,
        auth_time {instant} NOT NULL,
        ends_at {instant} NOT NULL,
        ended_at {instant})""",
    "CREATE INDEX grant_family_of_user ON grant_family(user_id) WHERE ended_at IS NULL",
    "CREATE INDEX grant_family_of_session ON grant_family(session_id) WHERE ended_at IS NULL",
    """CREATE TABLE refresh_token(
        id text PRIMARY KEY,
        family text NOT NULL REFERENCES grant_family(id),
        expires_at {instant} NOT NULL,
        used_at {instant})""",
    """CREATE TABLE consent(
        user_id text NOT NULL REFERENCES "user"(id),
        client_id text NOT NULL REFERENCES client(id),
        scope text NOT NULL,
        given_at {instant} NOT NULL,
        PRIMARY KEY(user_id, client_id))""",
    """CREATE TABLE revocation(
        kind text NOT NULL,
        value text NOT NULL,
        issued_before {instant} NOT NULL,
        until {instant} NOT NULL,
        PRIMARY KEY(kind, value))""",
    """CREATE TABLE signing_key(
        kid text PRIMARY KEY,
        algorithm text NOT NULL,
        state text NOT NULL,
        public {json} NOT NULL,
        sealed {bytes} NOT NULL,
        created_at {instant} NOT NULL)""",
    # Two processes that start at once agree on one key.
    "CREATE UNIQUE INDEX signing_key_active ON signing_key(algorithm) WHERE state = 'active'",
)


def upgrade() -> None:
    run(*_STATEMENTS)
