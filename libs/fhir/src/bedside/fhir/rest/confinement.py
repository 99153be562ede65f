"""Whose resources a caller may touch: scopes by type, and patient/ scopes by compartment.

https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html
"""

from bedside.events.database.port import Reader
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.store.current import Version, is_of_patient
from bedside.identity import Caller

# Who and where care is given is no patient's: an app of one patient may look it up, and not change it.
DIRECTORY = frozenset(
    {
        "Practitioner",
        "PractitionerRole",
        "Organization",
        "OrganizationAffiliation",
        "Location",
        "HealthcareService",
        "Endpoint",
        "Medication",
        "Questionnaire",
    }
)
_WORDS = {"c": "create", "r": "read", "u": "update", "d": "delete", "s": "search"}


def refuse_unless(caller: Caller, interaction: str, type_name: str, at: str | None = None) -> None:
    """Refused with 403 when no scope permits the interaction (one of `c r u d s`) on the type."""
    if not caller.may(interaction, type_name):
        raise Refused(403, [Issue("forbidden", f"no granted scope permits to {_WORDS[interaction]} {type_name}", at)])


def confined_to(caller: Caller, interaction: str, type_name: str) -> str | None:
    """The patient (a logical id) within whose compartment the interaction must stay."""
    patient = caller.compartment(type_name, interaction)
    if patient is None or (type_name in DIRECTORY and interaction in "rs"):
        return None
    return patient


async def is_hidden(database: Reader, caller: Caller, type_name: str, id: str, version: Version) -> bool:
    """Whether this version must look as if it were not there."""
    patient = confined_to(caller, "r", type_name)
    return patient is not None and not await is_of_patient(database, patient, type_name, id, version.vid)
