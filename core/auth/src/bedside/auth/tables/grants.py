"""What was granted: codes, refresh tokens and the families they grow in."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from bedside.auth.tables.instant import Instant


class AuthCode(SQLModel, table=True):
    __tablename__ = "auth_code"
    id: str = Field(primary_key=True)
    family: str
    client_id: str = Field(foreign_key="client.id")
    user_id: str = Field(foreign_key="user.id")
    session_id: str = Field(foreign_key="session.id")
    redirect_uri: str
    scope: str
    challenge: str
    nonce: str | None = None
    patient: str | None = None
    context: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    bound_to_key: str | None = None
    """The thumbprint of the key that has to redeem it (RFC 9449, section 10)."""
    expires_at: datetime = Field(sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)


class GrantFamily(SQLModel, table=True):
    """All that grew out of one authorization. Its id is the `sid` of the tokens."""

    __tablename__ = "grant_family"
    id: str = Field(primary_key=True)
    client_id: str = Field(foreign_key="client.id")
    user_id: str = Field(foreign_key="user.id")
    session_id: str = Field(foreign_key="session.id")
    scope: str
    patient: str | None = None
    """The patient in context, a logical id."""
    context: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    """The rest of the `LaunchContext`."""
    roles: list[str] | None = Field(default=None, sa_type=JSON)
    """Those it was granted with: without one of them it ends."""
    bound_to_key: str | None = None
    """The thumbprint of the key that has to refresh it: what keeps a public client's refresh token its own."""
    auth_time: datetime = Field(sa_type=Instant)
    methods: str = "pwd"
    """How the person had signed in: `amr`, and by it `acr`."""
    ends_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)


class RefreshToken(SQLModel, table=True):
    __tablename__ = "refresh_token"
    id: str = Field(primary_key=True)
    family: str = Field(foreign_key="grant_family.id")
    expires_at: datetime = Field(sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)


class Revocation(SQLModel, table=True):
    """What services must refuse; kept as long as a token it speaks of could live."""

    kind: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    issued_before: datetime = Field(sa_type=Instant)
    until: datetime = Field(sa_type=Instant)
