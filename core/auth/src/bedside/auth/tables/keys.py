"""The keys that sign."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from bedside.auth.tables.instant import Instant


class SigningKey(SQLModel, table=True):
    """Whether it is next, active, retiring or gone follows from the times (`keys/life.py`): nobody has to flip it."""

    __tablename__ = "signing_key"
    kid: str = Field(primary_key=True)
    algorithm: str
    follows: str = Field(unique=True)
    """The kid of the key before it. It is unique, so of two processes that rotate at once one makes the next key."""
    public: dict[str, Any] = Field(sa_type=JSON)
    sealed: bytes
    """Empty once the key is gone."""
    created_at: datetime = Field(sa_type=Instant)
    """Published from then on."""
    signs_from: datetime = Field(sa_type=Instant)
    gone_at: datetime | None = Field(default=None, sa_type=Instant)
