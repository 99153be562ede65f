"""The access log, which the database itself lets nobody change."""

from alembic import op

from bedside.auth.column_types import run

revision = "0007"
down_revision = "0006"

_CONTENT = (
    "id",
    "recorded_at",
    "action",
    "outcome",
    "source",
    "user_id",
    "client_id",
    "entity",
    "purpose",
    "patients",
    "detail",
)
_REFUSAL = "the access log is only added to"
_STATEMENTS = (
    """CREATE TABLE audit_event(
        id text PRIMARY KEY,
        recorded_at {instant} NOT NULL,
        action text NOT NULL,
        outcome text NOT NULL,
        source text NOT NULL,
        user_id text,
        client_id text,
        entity text,
        purpose text,
        patients {json} NOT NULL,
        detail {json} NOT NULL,
        position bigint UNIQUE,
        hash text,
        CHECK((position IS NULL) = (hash IS NULL)))""",
    """CREATE TABLE audit_event_patient(
        patient text NOT NULL,
        event_id text NOT NULL REFERENCES audit_event(id),
        PRIMARY KEY(patient, event_id))""",
    "CREATE INDEX audit_event_patient_of ON audit_event_patient(event_id)",
    "CREATE INDEX audit_event_recorded ON audit_event(recorded_at, id)",
    "CREATE INDEX audit_event_user ON audit_event(user_id, recorded_at)",
    "CREATE INDEX audit_event_client ON audit_event(client_id, recorded_at)",
    "CREATE INDEX audit_event_unsealed ON audit_event(recorded_at, id) WHERE position IS NULL",
)


def upgrade() -> None:
    run(*_STATEMENTS)
    run(*(_guards_of_sqlite() if op.get_context().dialect.name == "sqlite" else _guards_of_postgresql()))


def _guards_of_sqlite() -> tuple[str, ...]:
    changed = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in _CONTENT)
    refuse = f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    return (
        f"CREATE TRIGGER audit_event_deleted BEFORE DELETE ON audit_event {refuse}",
        f"CREATE TRIGGER audit_event_changed BEFORE UPDATE ON audit_event"
        f" WHEN OLD.position IS NOT NULL OR {changed} {refuse}",
        f"CREATE TRIGGER audit_event_patient_deleted BEFORE DELETE ON audit_event_patient {refuse}",
        f"CREATE TRIGGER audit_event_patient_changed BEFORE UPDATE ON audit_event_patient {refuse}",
    )


def _guards_of_postgresql() -> tuple[str, ...]:
    # As text, since json has no equality.
    changed = " OR ".join(f"OLD.{column}\\:\\:text IS DISTINCT FROM NEW.{column}\\:\\:text" for column in _CONTENT)
    refusing = "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_access_log()"
    return (
        f"""CREATE FUNCTION refuse_change_of_access_log() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$""",
        f"""CREATE TRIGGER audit_event_changed BEFORE UPDATE ON audit_event FOR EACH ROW
            WHEN (OLD.position IS NOT NULL OR {changed}) EXECUTE FUNCTION refuse_change_of_access_log()""",
        f"CREATE TRIGGER audit_event_deleted BEFORE DELETE OR TRUNCATE ON audit_event {refusing}",
        f"""CREATE TRIGGER audit_event_patient_changed BEFORE UPDATE OR DELETE OR TRUNCATE
            ON audit_event_patient {refusing}""",
    )
