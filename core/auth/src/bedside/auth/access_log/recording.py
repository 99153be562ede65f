"""Writing to the access log, in the transaction of what happened."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sqlmodel import Session

from bedside.auth.authority import Authority
from bedside.auth.tables import AuditedPatient, AuditEvent
from bedside.events.envelope import new_event_id

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


def record(authority: Authority, session: Session, happening: Happening) -> None:
    """A row that commits with what it tells of."""
    now = authority.clock.now()
    row = AuditEvent(
        # Sorted by time, so that the newest rows lie together.
        id=new_event_id(now),
        recorded_at=now,
        action=happening.action,
        outcome=happening.outcome,
        user_id=happening.user_id,
        client_id=happening.client_id,
        entity=happening.entity,
        purpose=happening.purpose,
        patients=[happening.patient] if happening.patient else [],
        detail=dict(happening.detail),
    )
    session.add(row)
    if happening.patient:
        session.add(AuditedPatient(patient=happening.patient, event_id=row.id))
