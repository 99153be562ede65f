"""Browsers: the tries, the sessions, and the requests they carry to their end."""

from datetime import datetime

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from bedside.auth.tables.instant import Instant


class Attempt(SQLModel, table=True):
    """Failed sign-ins of one account name, known or not: the table does not tell which names exist.

    A browser in which somebody has signed in has a row of its own for that name, so that strangers do not make it wait.
    """

    account: str = Field(primary_key=True)
    """The SHA-256 of the name, or of name and browser."""
    failures: int = 0
    locked_until: datetime | None = Field(default=None, sa_type=Instant)
    known_until: datetime | None = Field(default=None, sa_type=Instant)
    """Of a browser's row: until when it counts as known."""
    link_asked_at: datetime | None = Field(default=None, sa_type=Instant)
    """When somebody last said that they forgot the password of that name."""


class AddressBudget(SQLModel, table=True):
    """Failed sign-ins from one network address, whatever the names."""

    __tablename__ = "address_budget"
    address: str = Field(primary_key=True)
    """A keyed hash: addresses are few enough to be guessed from a plain one."""
    failures: int = 0
    began_at: datetime = Field(sa_type=Instant)


class SpentChallenge(SQLModel, table=True):
    """A passkey's challenge that was answered: its unique insert is the replay check."""

    __tablename__ = "spent_challenge"
    id: str = Field(primary_key=True)
    until: datetime = Field(sa_type=Instant)


class Session(SQLModel, table=True):
    """A browser that is signed in, or on its way there."""

    id: str = Field(primary_key=True)
    secret_hash: str | None = Field(default=None, unique=True)
    """Of what the cookie holds, which is renewed at every rise of privilege; the session stays."""
    user_id: str = Field(foreign_key="user.id")
    methods: str = "pwd"
    """What was proven, space between: words of RFC 8176."""
    completed_at: datetime | None = Field(default=None, sa_type=Instant)
    """None: a step of signing in is missing, and nothing but that step is open."""
    factor_at: datetime | None = Field(default=None, sa_type=Instant)
    """When a second factor, or where there is none the password, was last shown."""
    factor_failures: int = 0
    agent: str | None = None
    """The browser in words a person recognises: "Firefox on Windows"."""
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
    session_before: str | None = None
    """The session that the browser had when it brought a request which demands a new sign-in: it never counts."""
    acr_values: str | None = None
    """As they were asked for, the most wanted first; one of them must be reached."""
    launch: str | None = Field(default=None, foreign_key="launch.id")
    patient: str | None = None
    """The patient who was chosen, a logical id."""
    patient_chosen_by: str | None = None
    """The user who chose: somebody else who signs in for the same request has not."""
    login_hint: str | None = None
    """The username as the app knows it, to be typed no second time."""
    hinted_user: str | None = None
    """The user whom the app speaks of by an ID token: nobody else is answered for."""
    factor_after: datetime | None = Field(default=None, sa_type=Instant)
    """From pages that want a factor anew."""
    bound_to_key: str | None = None
    """The thumbprint of the key that has to redeem the code."""
    expires_at: datetime = Field(sa_type=Instant)
    answered_at: datetime | None = Field(default=None, sa_type=Instant)


class PushedRequest(SQLModel, table=True):
    """An authorization request that a client pushed, until a browser brings its name."""

    __tablename__ = "pushed_request"
    id: str = Field(primary_key=True)
    """The SHA-256 of what the `request_uri` ends with."""
    client_id: str = Field(foreign_key="client.id")
    parameters: dict[str, str] = Field(sa_type=JSON)
    bound_to_key: str | None = None
    """The thumbprint of the key by which it was pushed."""
    expires_at: datetime = Field(sa_type=Instant, index=True)
    used_at: datetime | None = Field(default=None, sa_type=Instant)
