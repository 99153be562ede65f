"""Many rows at once, in one statement: a statement for each would take longer than all that was asked for."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import insert, text
from sqlmodel import Session, SQLModel

EVENTS = SQLModel.metadata.tables["audit_event"]
PATIENTS = SQLModel.metadata.tables["audit_event_patient"]


def add(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Each row has all columns of `audit_event`. IntegrityError when one is there already."""
    _add(session, EVENTS.name, rows)
    _add(session, PATIENTS.name, [{"patient": each, "event_id": row["id"]} for row in rows for each in row["patients"]])


def _add(session: Session, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        # There a statement is no round trip.
        connection.execute(insert(SQLModel.metadata.tables[table]), rows)
        return
    statement = f"INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL\\:\\:{table}, CAST(:rows AS json))"
    connection.execute(text(statement), {"rows": orjson.dumps(rows).decode()})
