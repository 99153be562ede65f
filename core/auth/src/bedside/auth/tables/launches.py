"""Launches that a person's EHR has prepared for an app."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from bedside.auth.tables.instant import Instant


class Launch(SQLModel, table=True):
    """For this person and this app, once, within five minutes."""

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="user.id")
    client_id: str = Field(foreign_key="client.id")
    patient: str | None = None
    """A logical id."""
    context: dict[str, Any] = Field(sa_type=JSON)
    """The rest of the `LaunchContext`."""
    expires_at: datetime = Field(sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)
