"""Links by which a person sets a password."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from bedside.auth.tables.instant import Instant


class PasswordLink(SQLModel, table=True):
    """Made by an administrator, shown once, good for one new password."""

    __tablename__ = "password_link"
    id: str = Field(primary_key=True)
    """The SHA-256 of what stands in the link."""
    user_id: str = Field(foreign_key="user.id")
    kind: str
    """invitation or reset."""
    made_by: str | None = None
    """A user id; None: an operator, or a program."""
    made_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)
    """Or when a newer one took its place."""
