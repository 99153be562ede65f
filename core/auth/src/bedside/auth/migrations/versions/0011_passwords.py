"""Links by which a password is set, browsers that are known to an account, and what network addresses may still try."""

from bedside.auth.column_types import run

revision = "0011"
down_revision = "0009"


def upgrade() -> None:
    run(
        """CREATE TABLE password_link(
            id text PRIMARY KEY,
            user_id text NOT NULL REFERENCES "user"(id),
            kind text NOT NULL,
            made_by text,
            made_at {instant} NOT NULL,
            expires_at {instant} NOT NULL,
            used_at {instant})""",
        "CREATE INDEX password_link_of_user ON password_link(user_id) WHERE used_at IS NULL",
        "ALTER TABLE attempt ADD COLUMN known_until {instant}",
        "ALTER TABLE attempt ADD COLUMN link_asked_at {instant}",
        # What is cleared away at each sign-in, so that it does not read the whole table.
        "CREATE INDEX attempt_locked ON attempt(locked_until)",
        "CREATE INDEX attempt_known ON attempt(known_until) WHERE known_until IS NOT NULL",
        """CREATE TABLE address_budget(
            address text PRIMARY KEY,
            failures integer NOT NULL,
            began_at {instant} NOT NULL)""",
        "CREATE INDEX address_budget_began ON address_budget(began_at)",
    )
