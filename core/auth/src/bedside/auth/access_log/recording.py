"""Writing to the access log, in the transaction of what happened."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import insert
from sqlmodel import Session

from bedside.auth.access_log.adding import EVENTS, PATIENTS
from bedside.auth.authority import Authority
from bedside.auth.tables import AuditEvent
from bedside.events.envelope import new_event_id
from bedside.identity import Caller

_EVENT = insert(EVENTS)
_PATIENT = insert(PATIENTS)
_COLUMNS = tuple(EVENTS.columns.keys())
Outcome = Literal["success", "refused", "failed"]


@dataclass(frozen=True)
class Happening:
    """`action` is a word of ours: `sign-in`, `token-granted`, `user-disabled`, `secret-rotated` …

    `entity` is what it happened to (`User/…`, `Client/…`, `Key/…`, `Session/…`), `patient` a logical id. `detail` holds
    names and codes only: never a secret, a token, a name of a person or what somebody typed.
    """

    action: str
    outcome: Outcome = "success"
    user_id: str | None = None
    client_id: str | None = None
    patient: str | None = None
    entity: str | None = None
    purpose: str | None = None
    detail: Mapping[str, str] = field(default_factory=dict)


def record_access(
    authority: Authority,
    session: Session,
    caller: Caller,
    action: str,
    *,
    entity: str,
    outcome: Outcome,
    patients: Collection[str],
) -> None:
    """What a bearer of one of our tokens read at auth itself. `patients` are logical ids."""
    now = authority.clock.now()
    row = AuditEvent(
        id=new_event_id(now),
        recorded_at=now,
        action=action,
        outcome=outcome,
        # A program that acts for itself is its own subject, and no person.
        user_id=caller.subject if caller.subject != caller.client_id else None,
        client_id=caller.client_id,
        entity=entity,
        purpose=caller.purpose,
        patients=sorted(set(patients)),
        detail={"roles": " ".join(sorted(caller.roles))} if caller.roles else {},
    )
    keep(session, row)


def record(authority: Authority, session: Session, happening: Happening) -> None:
    """A row that commits with what it tells of."""
    now = authority.clock.now()
    _write(
        session,
        {
            # Sorted by time, so that the newest rows lie together.
            "id": new_event_id(now),
            "recorded_at": now,
            "action": happening.action,
            "outcome": happening.outcome,
            "source": "auth",
            "user_id": happening.user_id,
            "client_id": happening.client_id,
            "entity": happening.entity,
            "purpose": happening.purpose,
            "patients": [happening.patient] if happening.patient else [],
            "detail": dict(happening.detail),
        },
    )


def keep(session: Session, row: AuditEvent) -> None:
    """The row, and what finds it by patient."""
    _write(session, {column: getattr(row, column) for column in _COLUMNS})


def _write(session: Session, values: Mapping[str, Any]) -> None:
    # Not by the ORM, which would take longer over this one row than over all the rest of a token request.
    connection = session.connection()
    connection.execute(_EVENT, values)
    if values["patients"]:
        found_by = [{"patient": patient, "event_id": values["id"]} for patient in values["patients"]]
        connection.execute(_PATIENT, found_by)
