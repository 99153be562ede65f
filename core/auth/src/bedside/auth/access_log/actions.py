"""What the actions of the log are in FHIR's and DICOM's words. An action that is not here is told in our own."""

from dataclasses import dataclass
from typing import Literal

Letter = Literal["C", "R", "U", "D", "E"]
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
AUDIT_TYPE = "http://terminology.hl7.org/CodeSystem/audit-event-type"
INTERACTION = "http://hl7.org/fhir/restful-interaction"
OURS = "urn:bedside:action"
Coding = tuple[str, str, str]
"""System, code, display."""

REST: Coding = (AUDIT_TYPE, "rest", "RESTful Operation")
_AUTHENTICATION: Coding = (DICOM, "110114", "User Authentication")
_LOGIN: Coding = (DICOM, "110122", "Login")
_LOGOUT: Coding = (DICOM, "110123", "Logout")
_ALERT: Coding = (DICOM, "110113", "Security Alert")
_ACTIVITY: Coding = (DICOM, "110100", "Application Activity")
_OVERRIDE: Coding = (DICOM, "110127", "Emergency Override Started")
_OVERRIDE_ENDED: Coding = (DICOM, "110138", "Emergency Override Stopped")
_EXPORT: Coding = (DICOM, "110106", "Export")


@dataclass(frozen=True)
class Kind:
    type: Coding
    letter: Letter
    subtype: Coding | None = None


# https://hl7.org/fhir/R4/valueset-audit-event-action.html: a search is an execution, and so is an operation.
_LETTERS: dict[str, Letter] = {
    "read": "R",
    "vread": "R",
    "history": "R",
    "history-instance": "R",
    "history-type": "R",
    "history-system": "R",
    "search": "E",
    "search-type": "E",
    "search-system": "E",
    "create": "C",
    "update": "U",
    "patch": "U",
    "delete": "D",
    "operation": "E",
    "transaction": "E",
    "batch": "E",
}
INTERACTIONS = frozenset(_LETTERS)
_OTHERS: dict[str, Kind] = {
    # A view is ours, and no interaction of FHIR: it is told as a read, of which view it was as detail.
    "view": Kind(REST, "R"),
    "export": Kind(REST, "E", _EXPORT),
    "sign-in": Kind(_AUTHENTICATION, "E", _LOGIN),
    "sign-out": Kind(_AUTHENTICATION, "E", _LOGOUT),
    "glass-broken": Kind(_ALERT, "E", _OVERRIDE),
    "glass-ended": Kind(_ALERT, "E", _OVERRIDE_ENDED),
}
KINDS: dict[str, Kind] = {
    action: Kind(REST, letter, (INTERACTION, action, action)) for action, letter in _LETTERS.items()
} | _OTHERS
ANY_OTHER = Kind(_ACTIVITY, "E")


def kind_of(action: str) -> Kind:
    return KINDS.get(action, ANY_OTHER)
