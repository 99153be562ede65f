"""The access log."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from bedside.auth.tables.instant import Instant


class AuditEvent(SQLModel, table=True):
    """One thing that happened. Never changed, never removed."""

    __tablename__ = "audit_event"
    id: str = Field(primary_key=True)
    recorded_at: datetime = Field(sa_type=Instant)
    action: str
    outcome: str
    user_id: str | None = None
    client_id: str | None = None
    patient: str | None = None
    entity: str | None = None
    detail: dict[str, Any] = Field(sa_type=JSON)
