"""Who may sign in, and as what."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from bedside.auth.tables.instant import Instant


class User(SQLModel, table=True):
    id: str = Field(primary_key=True)
    """The `sub` of tokens; never used again for another person."""
    username: str = Field(unique=True)
    name: str
    password_hash: str
    fhir_user: str | None = None
    patient: str | None = None
    """The Patient this person is, a logical id."""
    active: bool = True
    created_at: datetime = Field(sa_type=Instant)


class UserRole(SQLModel, table=True):
    __tablename__ = "user_role"
    user_id: str = Field(primary_key=True, foreign_key="user.id")
    role: str = Field(primary_key=True)
    since: datetime = Field(sa_type=Instant)
    until: datetime | None = Field(default=None, sa_type=Instant)
