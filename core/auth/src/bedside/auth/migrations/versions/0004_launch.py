"""Launches by an EHR, and the context that an authorization carries."""

from bedside.auth.column_types import run

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run(
        """CREATE TABLE launch(
            id text PRIMARY KEY,
            user_id text NOT NULL REFERENCES "user"(id),
            client_id text NOT NULL REFERENCES client(id),
            patient text,
            context {json} NOT NULL,
            expires_at {instant} NOT NULL,
            used_at {instant})""",
        "ALTER TABLE auth_request ADD COLUMN acr_values text",
        "ALTER TABLE auth_request ADD COLUMN session_before text",
        "ALTER TABLE auth_request ADD COLUMN launch text REFERENCES launch(id)",
        "ALTER TABLE auth_request ADD COLUMN patient text",
        "ALTER TABLE auth_request ADD COLUMN patient_chosen_by text",
        "ALTER TABLE auth_code ADD COLUMN patient text",
        "ALTER TABLE auth_code ADD COLUMN context {json}",
        "ALTER TABLE grant_family ADD COLUMN context {json}",
        "ALTER TABLE grant_family ADD COLUMN roles {json}",
    )
