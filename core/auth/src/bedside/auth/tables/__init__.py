"""What auth keeps, by topic. Codes, refresh tokens and session ids are kept as SHA-256 only."""

from bedside.auth.tables.access_log import AuditedPatient, AuditEvent
from bedside.auth.tables.clients import AuthMethod, Client, Consent, InitialAccessToken, SeenJti
from bedside.auth.tables.console import ConsoleNote
from bedside.auth.tables.glass import Glass
from bedside.auth.tables.grants import AuthCode, GrantFamily, RefreshToken, Revocation
from bedside.auth.tables.keys import SigningKey
from bedside.auth.tables.launches import Launch
from bedside.auth.tables.passwords import PasswordLink
from bedside.auth.tables.people import (
    Credential,
    DirectoryTurn,
    FollowedRecord,
    Group,
    GroupMember,
    GroupRole,
    LabelRight,
    ProxyGrant,
    User,
    UserRole,
)
from bedside.auth.tables.signing_in import (
    AddressBudget,
    Attempt,
    AuthRequest,
    PushedRequest,
    Session,
    SpentChallenge,
)

__all__ = [
    "AddressBudget",
    "Attempt",
    "AuditEvent",
    "AuditedPatient",
    "AuthCode",
    "AuthMethod",
    "AuthRequest",
    "Client",
    "Consent",
    "ConsoleNote",
    "Credential",
    "DirectoryTurn",
    "FollowedRecord",
    "Glass",
    "GrantFamily",
    "Group",
    "GroupMember",
    "GroupRole",
    "InitialAccessToken",
    "LabelRight",
    "Launch",
    "PasswordLink",
    "ProxyGrant",
    "PushedRequest",
    "RefreshToken",
    "Revocation",
    "SeenJti",
    "Session",
    "SigningKey",
    "SpentChallenge",
    "User",
    "UserRole",
]
