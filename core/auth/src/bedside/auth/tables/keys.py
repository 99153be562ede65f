"""The keys that sign."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from bedside.auth.tables.instant import Instant


class SigningKey(SQLModel, table=True):
    __tablename__ = "signing_key"
    kid: str = Field(primary_key=True)
    algorithm: str
    state: str
    """next, active, retiring or gone."""
    public: dict[str, Any] = Field(sa_type=JSON)
    sealed: bytes
    created_at: datetime = Field(sa_type=Instant)
