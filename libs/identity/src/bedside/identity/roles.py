"""What each role may do at most. The table is the decision; changing a right is changing a row.

Services intersect every `user/` and `patient/` scope of a token with the rows of its roles, so a wildcard in a token is
never more than the role.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from bedside.identity.scopes import Scopes

ANYONE = Scopes.parse("openid profile fhirUser launch launch/patient launch/encounter online_access offline_access")
"""Scopes about the sign-in itself; no role adds to or takes from them."""


@dataclass(frozen=True)
class Role:
    name: str
    scopes: Scopes
    permissions: frozenset[str] = frozenset()
    """Rights that are not about a FHIR interaction, in the words of the ward: `order`, `glass`."""


def _user(interactions: str, type_names: str, context: str = "user") -> str:
    return " ".join(f"{context}/{type_name}.{interactions}" for type_name in type_names.split())


def _role(name: str, *scopes: str, permissions: str = "") -> Role:
    return Role(name, Scopes.parse(" ".join(scopes)), frozenset(permissions.split()))


_PROVENANCE = "user/Provenance.c"

ROLES: dict[str, Role] = {
    role.name: role
    for role in (
        _role(
            "physician",
            "user/*.rs",
            _user(
                "cu",
                "Observation Condition AllergyIntolerance MedicationRequest DetectedIssue ServiceRequest Procedure"
                " DocumentReference CarePlan Encounter ClinicalImpression Communication",
            ),
            _PROVENANCE,
            permissions="order sign glass",
        ),
        _role(
            "nurse",
            "user/*.rs",
            _user(
                "cu",
                "Observation AllergyIntolerance MedicationAdministration Encounter Task ClinicalImpression"
                " Communication",
            ),
            _PROVENANCE,
            permissions="vitals glass",
        ),
        _role(
            "pharmacist",
            _user("rs", "Patient Encounter Condition Observation"),
            _user(
                "crus",
                "AllergyIntolerance MedicationRequest MedicationDispense MedicationStatement Medication List",
            ),
            _PROVENANCE,
            permissions="dispense glass",
        ),
        _role(
            "coordinator",
            _user("rs", "Patient RelatedPerson Encounter Appointment"),
            _user("crus", "CareTeam CarePlan ServiceRequest Task Communication"),
            _PROVENANCE,
            permissions="referral",
        ),
        _role(
            "frontdesk",
            _user("rs", "Practitioner Location Slot Schedule"),
            _user("crus", "Patient RelatedPerson Coverage Appointment"),
            # Arriving a patient opens an encounter; reading one would show why they come.
            _user("cu", "Encounter"),
            _PROVENANCE,
            permissions="check-in",
        ),
        _role(
            "billing",
            _user("rs", "Patient Encounter Condition Procedure Organization"),
            _user("cruds", "Coverage Claim ClaimResponse ExplanationOfBenefit Account ChargeItem Invoice"),
            _PROVENANCE,
            permissions="claim",
        ),
        *(
            _role(
                name,
                "patient/*.rs",
                # No wildcard reaches the log: whoever may read it is told so by its name.
                "patient/AuditEvent.rs",
                _user("c", "Appointment Communication QuestionnaireResponse Provenance", context="patient"),
                permissions="own-consents own-log",
            )
            for name in ("patient", "proxy")
        ),
        _role(
            "admin",
            "user/AuditEvent.rs users.manage clients.manage keys.manage sessions.manage audit.read",
            permissions="merge",
        ),
    )
}


@lru_cache(maxsize=256)
def ceiling(roles: frozenset[str]) -> Scopes:
    """The most that these roles together permit. An unknown role permits nothing."""
    most = ANYONE
    for name in sorted(roles):
        if name in ROLES:
            most = most.union(ROLES[name].scopes)
    return most


def permissions(roles: Iterable[str]) -> frozenset[str]:
    return frozenset(right for name in roles if name in ROLES for right in ROLES[name].permissions)
