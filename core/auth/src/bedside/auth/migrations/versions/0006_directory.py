"""Groups, rights with an end, and who acts for whom."""

from bedside.auth.column_types import run

revision = "0006"
down_revision = "0005"

_STATEMENTS = (
    'ALTER TABLE "user" ADD COLUMN given_name text',
    'ALTER TABLE "user" ADD COLUMN family_name text',
    'ALTER TABLE "user" ADD COLUMN email text',
    'ALTER TABLE "user" ADD COLUMN external_id text',
    'ALTER TABLE "user" ADD COLUMN profile {json}',
    'ALTER TABLE "user" ADD COLUMN version integer NOT NULL DEFAULT 1',
    'ALTER TABLE "user" ADD COLUMN changed_at {instant}',
    'ALTER TABLE "user" ADD COLUMN deleted_at {instant}',
    'CREATE INDEX user_external_id ON "user"(external_id) WHERE external_id IS NOT NULL',
    'CREATE INDEX user_fhir_user ON "user"(fhir_user) WHERE fhir_user IS NOT NULL',
    "ALTER TABLE user_role ADD COLUMN given_by text",
    """CREATE TABLE "group"(
        id text PRIMARY KEY,
        name text NOT NULL UNIQUE,
        external_id text,
        version integer NOT NULL,
        created_at {instant} NOT NULL,
        changed_at {instant})""",
    """CREATE TABLE group_role(
        group_id text NOT NULL REFERENCES "group"(id),
        role text NOT NULL,
        PRIMARY KEY(group_id, role))""",
    """CREATE TABLE group_member(
        group_id text NOT NULL REFERENCES "group"(id),
        user_id text NOT NULL REFERENCES "user"(id),
        since {instant} NOT NULL,
        PRIMARY KEY(group_id, user_id))""",
    "CREATE INDEX group_member_user ON group_member(user_id)",
    """CREATE TABLE label_right(
        user_id text NOT NULL REFERENCES "user"(id),
        label text NOT NULL,
        since {instant} NOT NULL,
        until {instant} NOT NULL,
        given_by text,
        PRIMARY KEY(user_id, label))""",
    """CREATE TABLE proxy_grant(
        user_id text NOT NULL REFERENCES "user"(id),
        patient text NOT NULL,
        since {instant} NOT NULL,
        until {instant},
        given_by text,
        consent text,
        merged_from text,
        PRIMARY KEY(user_id, patient))""",
    "CREATE INDEX proxy_grant_patient ON proxy_grant(patient)",
    "CREATE INDEX proxy_grant_consent ON proxy_grant(consent) WHERE consent IS NOT NULL",
    "CREATE TABLE directory_turn(id integer PRIMARY KEY)",
    "INSERT INTO directory_turn(id) VALUES (1)",
    """CREATE TABLE followed_record(
        record text PRIMARY KEY,
        version integer NOT NULL)""",
)


def upgrade() -> None:
    run(*_STATEMENTS)
