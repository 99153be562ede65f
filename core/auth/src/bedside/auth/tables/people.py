"""Who may sign in, as what, and for whom."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
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
    given_name: str | None = None
    family_name: str | None = None
    email: str | None = None
    external_id: str | None = None
    """What the hospital's own directory calls this person."""
    profile: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    """What else a provisioning directory told (SCIM), as it came; nothing here decides anything."""
    version: int = 1
    """Grows with each change, for ETags."""
    changed_at: datetime | None = Field(default=None, sa_type=Instant)
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)
    """The row stays so that its id is never given to another; name and details are gone."""
    merged_from: str | None = None
    """The Patient this person was until that record was merged into `patient`, a logical id."""


class UserRole(SQLModel, table=True):
    __tablename__ = "user_role"
    user_id: str = Field(primary_key=True, foreign_key="user.id")
    role: str = Field(primary_key=True)
    since: datetime = Field(sa_type=Instant)
    until: datetime | None = Field(default=None, sa_type=Instant)
    given_by: str | None = None
    """The user who gave it; None: a program, or an operator."""


class Group(SQLModel, table=True):
    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    external_id: str | None = None
    version: int = 1
    created_at: datetime = Field(sa_type=Instant)
    changed_at: datetime | None = Field(default=None, sa_type=Instant)


class GroupRole(SQLModel, table=True):
    """A role that every member of the group holds."""

    __tablename__ = "group_role"
    group_id: str = Field(primary_key=True, foreign_key="group.id")
    role: str = Field(primary_key=True)


class GroupMember(SQLModel, table=True):
    __tablename__ = "group_member"
    group_id: str = Field(primary_key=True, foreign_key="group.id")
    user_id: str = Field(primary_key=True, foreign_key="user.id")
    since: datetime = Field(sa_type=Instant)


class LabelRight(SQLModel, table=True):
    """A person may see records with this sensitive label, for a time."""

    __tablename__ = "label_right"
    user_id: str = Field(primary_key=True, foreign_key="user.id")
    label: str = Field(primary_key=True)
    since: datetime = Field(sa_type=Instant)
    until: datetime = Field(sa_type=Instant)
    given_by: str | None = None


class ProxyGrant(SQLModel, table=True):
    """A person may act for a patient, a logical id."""

    __tablename__ = "proxy_grant"
    user_id: str = Field(primary_key=True, foreign_key="user.id")
    patient: str = Field(primary_key=True)
    since: datetime = Field(sa_type=Instant)
    until: datetime | None = Field(default=None, sa_type=Instant)
    given_by: str | None = None
    consent: str | None = None
    """The Consent it rests on, a logical id: when that no longer holds, this does not either."""
    merged_from: str | None = None
    """The retired patient it was given for, before that record was merged into `patient`."""


class DirectoryTurn(SQLModel, table=True):
    """One row, locked by whoever changes the directory: "is there another administrator" has one answer at a time."""

    __tablename__ = "directory_turn"
    id: int = Field(primary_key=True)


class FollowedRecord(SQLModel, table=True):
    """The newest version of a clinical record that the directory acted on: older news of it changes nothing."""

    __tablename__ = "followed_record"
    record: str = Field(primary_key=True)
    version: int
    survivor: str | None = None
    """Of a Patient that was merged: the one it was merged into, a logical id."""


class Credential(SQLModel, table=True):
    """What a person shows besides a password: an authenticator app, a passkey or a recovery code."""

    id: str = Field(primary_key=True)
    user_id: str = Field(foreign_key="user.id")
    kind: str
    """totp, passkey or recovery."""
    label: str = ""
    sealed: bytes = b""
    """The secret of an authenticator app, the public key of a passkey; empty for a recovery code."""
    known_by: str | None = Field(default=None, unique=True)
    """A passkey's own id in base64url, the mark of a recovery code."""
    counter: int = 0
    """The last time step used of an authenticator app, the signatures counted by a passkey."""
    created_at: datetime = Field(sa_type=Instant)
    confirmed_at: datetime | None = Field(default=None, sa_type=Instant)
    """None: shown, not yet proven to be in the person's hands."""
    used_at: datetime | None = Field(default=None, sa_type=Instant)
