"""Every fact that a service may tell another, one file each."""

from bedside.events.catalog.break_glass_ended import BreakGlassEnded
from bedside.events.catalog.break_glass_used import BreakGlassUsed
from bedside.events.catalog.client_disabled import ClientDisabled
from bedside.events.catalog.consent_changed import ConsentChanged
from bedside.events.catalog.declaration import EventData
from bedside.events.catalog.key_rotated import KeyRotated
from bedside.events.catalog.patient_merged import PatientMerged
from bedside.events.catalog.patient_unmerged import PatientUnmerged
from bedside.events.catalog.practitioner_changed import PractitionerChanged
from bedside.events.catalog.resource_created import ResourceCreated
from bedside.events.catalog.resource_deleted import ResourceDeleted
from bedside.events.catalog.session_revoked import SessionRevoked
from bedside.events.catalog.token_revoked import TokenRevoked
from bedside.events.catalog.user_created import UserCreated
from bedside.events.catalog.user_deactivated import UserDeactivated
from bedside.events.catalog.user_roles_changed import UserRolesChanged

CATALOG: tuple[type[EventData], ...] = (
    PatientMerged,
    PatientUnmerged,
    PractitionerChanged,
    ConsentChanged,
    ResourceCreated,
    ResourceDeleted,
    BreakGlassUsed,
    BreakGlassEnded,
    ClientDisabled,
    KeyRotated,
    SessionRevoked,
    TokenRevoked,
    UserCreated,
    UserDeactivated,
    UserRolesChanged,
)

__all__ = [
    "CATALOG",
    "BreakGlassEnded",
    "BreakGlassUsed",
    "ClientDisabled",
    "ConsentChanged",
    "EventData",
    "KeyRotated",
    "PatientMerged",
    "PatientUnmerged",
    "PractitionerChanged",
    "ResourceCreated",
    "ResourceDeleted",
    "SessionRevoked",
    "TokenRevoked",
    "UserCreated",
    "UserDeactivated",
    "UserRolesChanged",
]
