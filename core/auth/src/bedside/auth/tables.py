"""What auth keeps. Codes, refresh tokens and session ids are kept as SHA-256 only."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, TypeDecorator
from sqlmodel import Field, SQLModel


class Instant(TypeDecorator[datetime]):
    """Aware and UTC on both sides; SQLite has no time zones, so there it is stored without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        assert value.tzinfo is not None, "instants are aware"
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


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


class Attempt(SQLModel, table=True):
    """Failed sign-ins of one account name, known or not: the table does not tell which names exist."""

    account: str = Field(primary_key=True)
    failures: int = 0
    locked_until: datetime | None = Field(default=None, sa_type=Instant)


class Client(SQLModel, table=True):
    id: str = Field(primary_key=True)
    name: str
    secret_hash: str | None = None
    """None: a public client."""
    grant_types: list[str] = Field(default_factory=list, sa_type=JSON)
    redirect_uris: list[str] = Field(default_factory=list, sa_type=JSON)
    post_logout_redirect_uris: list[str] = Field(default_factory=list, sa_type=JSON)
    scope: str = ""
    audiences: list[str] = Field(default_factory=list, sa_type=JSON)
    """What its own tokens may be for; the first is the default."""
    exchange_audiences: list[str] = Field(default_factory=list, sa_type=JSON)
    """What it may exchange a caller's token for."""
    first_party: bool = False
    service: bool = False
    active: bool = True

    @property
    def public(self) -> bool:
        return self.secret_hash is None


class Session(SQLModel, table=True):
    """A browser that is signed in."""

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="user.id")
    auth_time: datetime = Field(sa_type=Instant)
    seen_at: datetime = Field(sa_type=Instant)
    ends_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)


class AuthRequest(SQLModel, table=True):
    """An accepted authorization request, waiting for its person."""

    __tablename__ = "auth_request"
    id: str = Field(primary_key=True)
    browser: str
    """Only the browser that brought the request may answer it."""
    client_id: str = Field(foreign_key="client.id")
    redirect_uri: str
    scope: str
    state: str | None = None
    nonce: str | None = None
    challenge: str
    must_consent: bool = False
    signed_in_after: datetime | None = Field(default=None, sa_type=Instant)
    """From `prompt=login` and `max_age`: an older sign-in does not count."""
    expires_at: datetime = Field(sa_type=Instant)
    answered_at: datetime | None = Field(default=None, sa_type=Instant)


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
    auth_time: datetime = Field(sa_type=Instant)
    ends_at: datetime = Field(sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)


class RefreshToken(SQLModel, table=True):
    __tablename__ = "refresh_token"
    id: str = Field(primary_key=True)
    family: str = Field(foreign_key="grant_family.id")
    expires_at: datetime = Field(sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)


class Consent(SQLModel, table=True):
    user_id: str = Field(primary_key=True, foreign_key="user.id")
    client_id: str = Field(primary_key=True, foreign_key="client.id")
    scope: str
    given_at: datetime = Field(sa_type=Instant)


class Revocation(SQLModel, table=True):
    """What services must refuse; kept as long as a token it speaks of could live."""

    kind: str = Field(primary_key=True)
    value: str = Field(primary_key=True)
    issued_before: datetime = Field(sa_type=Instant)
    until: datetime = Field(sa_type=Instant)


class SigningKey(SQLModel, table=True):
    __tablename__ = "signing_key"
    kid: str = Field(primary_key=True)
    algorithm: str
    state: str
    """next, active, retiring or gone."""
    public: dict[str, Any] = Field(sa_type=JSON)
    sealed: bytes
    created_at: datetime = Field(sa_type=Instant)
