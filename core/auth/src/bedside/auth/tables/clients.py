"""The programs that may ask."""

from datetime import datetime

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from bedside.auth.tables.instant import Instant


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


class Consent(SQLModel, table=True):
    user_id: str = Field(primary_key=True, foreign_key="user.id")
    client_id: str = Field(primary_key=True, foreign_key="client.id")
    scope: str
    given_at: datetime = Field(sa_type=Instant)
