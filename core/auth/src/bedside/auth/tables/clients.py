"""The programs that may ask, and how they came to."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from bedside.auth.tables.instant import Instant

AuthMethod = Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
"""As RFC 7591 names them. `none` is a public client's."""


class Client(SQLModel, table=True):
    id: str = Field(primary_key=True)
    name: str
    auth_method: str = "none"
    """One of AuthMethod; proving oneself in another way is refused."""
    secret_hash: str | None = None
    old_secret_hash: str | None = None
    """Still accepted, so that a secret can be replaced without a pause; until somebody ends it."""
    secret_made_at: datetime | None = Field(default=None, sa_type=Instant)
    jwks: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    jwks_uri: str | None = None
    assertion_to_issuer: bool = False
    """Whether its assertions must name the issuer; else the token endpoint's address will do too."""
    bound_to_par: bool = False
    bound_to_dpop: bool = False
    grant_types: list[str] = Field(default_factory=list, sa_type=JSON)
    redirect_uris: list[str] = Field(default_factory=list, sa_type=JSON)
    post_logout_redirect_uris: list[str] = Field(default_factory=list, sa_type=JSON)
    scope: str = ""
    audiences: list[str] = Field(default_factory=list, sa_type=JSON)
    """What its own tokens may be for; the first is the default."""
    exchange_audiences: list[str] = Field(default_factory=list, sa_type=JSON)
    """What it may exchange a caller's token for."""
    links: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    """`client_uri`, `logo_uri`, `policy_uri`, `tos_uri`: shown, never fetched."""
    first_party: bool = False
    service: bool = False
    """One of this installation's own: kept by its start, not by administrators."""
    active: bool = True
    registered_by: str | None = None
    """`User/…` or `Client/…`, or `Token/…` for an initial access token; None: the installation itself."""
    registered_at: datetime | None = Field(default=None, sa_type=Instant)
    registration_token_hash: str | None = None
    """With it the client reads, changes and removes its own registration (RFC 7592)."""

    @property
    def public(self) -> bool:
        return self.auth_method == "none"


class Consent(SQLModel, table=True):
    user_id: str = Field(primary_key=True, foreign_key="user.id")
    client_id: str = Field(primary_key=True, foreign_key="client.id")
    scope: str
    given_at: datetime = Field(sa_type=Instant)


class InitialAccessToken(SQLModel, table=True):
    """Lets its bearer register one client."""

    __tablename__ = "initial_access_token"
    id: str = Field(primary_key=True)
    """The SHA-256 of the token."""
    made_by: str
    """`User/…`"""
    made_for: str = ""
    """Whom it was given to, as its maker called them."""
    expires_at: datetime = Field(sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)


class SeenJti(SQLModel, table=True):
    """A proof that has been used: its unique insert is the replay check."""

    __tablename__ = "seen_jti"
    whose: str = Field(primary_key=True)
    """Whose names these are: `client <client id>`; two may choose the same."""
    jti: str = Field(primary_key=True)
    """Its SHA-256: what was sent may be long."""
    until: datetime = Field(sa_type=Instant)
    """From then on the proof is too old to be accepted anyway."""
