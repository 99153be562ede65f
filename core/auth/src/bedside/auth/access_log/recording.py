"""Writing to the access log, in the transaction of what happened."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sqlmodel import Session

from bedside.auth.authority import Authority
from bedside.auth.tables import AuditEvent


@dataclass(frozen=True)
class Happening:
    """`action` is a word of ours: `sign-in`, `token-granted`, `user-disabled`, `secret-rotated` …

    `entity` is what it happened to (`User/…`, `Client/…`, `Key/…`, `Session/…`), `patient` a logical id. `detail` holds
    names and codes only: never a secret, a token, a name of a person or what somebody typed.
    """

    action: str
    outcome: Literal["success", "refused"] = "success"
    user_id: str | None = None
    client_id: str | None = None
    patient: str | None = None
    entity: str | None = None
    detail: Mapping[str, str] = field(default_factory=dict)


def record(authority: Authority, session: Session, happening: Happening) -> None:
    """A row that commits with what it tells of."""
    session.add(
        AuditEvent(
            id=str(uuid.uuid4()),
            recorded_at=authority.clock.now(),
            action=happening.action,
            outcome=happening.outcome,
            user_id=happening.user_id,
            client_id=happening.client_id,
            patient=happening.patient,
            entity=happening.entity,
            detail=dict(happening.detail),
        )
    )
