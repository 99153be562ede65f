"""The access log."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from bedside.auth.tables.instant import Instant


class AuditEvent(SQLModel, table=True):
    """One thing that happened. Never changed, never removed: the database refuses both.

    It is written with what it tells of; its place in the chain (`position`, `hash`) follows within a second.
    """

    __tablename__ = "audit_event"
    id: str = Field(primary_key=True)
    recorded_at: datetime = Field(sa_type=Instant)
    action: str
    outcome: str
    source: str = "auth"
    """The service that saw it."""
    user_id: str | None = None
    client_id: str | None = None
    entity: str | None = None
    purpose: str | None = None
    patients: list[str] = Field(default_factory=list, sa_type=JSON)
    """Whose record it was about: logical ids, sorted."""
    detail: dict[str, Any] = Field(sa_type=JSON)
    position: int | None = Field(default=None, unique=True)
    """1, 2, 3 … without gaps."""
    hash: str | None = None


class AuditedPatient(SQLModel, table=True):
    """Finds the rows about a patient; says nothing that `AuditEvent.patients` does not."""

    __tablename__ = "audit_event_patient"
    patient: str = Field(primary_key=True)
    event_id: str = Field(primary_key=True, foreign_key="audit_event.id")
