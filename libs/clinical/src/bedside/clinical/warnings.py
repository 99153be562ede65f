"""R16: what must not be overlooked, as sorted codes."""

from collections.abc import Iterable

from bedside.clinical.allergies import Allergies
from bedside.clinical.disclosure import Restricted
from bedside.clinical.header import Header
from bedside.clinical.medications import EXPIRED, POSSIBLE_DUPLICATE, Medications
from bedside.clinical.news2 import EarlyWarning
from bedside.clinical.shown import Status

RESTRICTED_HIDDEN = "restricted-hidden"
INTERPRETER_NEEDED = "interpreter-needed"


def header_warnings(header: Header) -> list[str]:
    return [INTERPRETER_NEEDED] if header.interpreter_needed else []


def allergy_warnings(allergies: Allergies) -> list[str]:
    found = _status_warnings("allergies", allergies.status)
    if allergies.answer == "not-asked":
        found.append("allergies-not-asked")
    return [*found, "allergy-conflict"] if allergies.conflict else found


def medication_warnings(medications: Medications) -> list[str]:
    flags = {flag for item in medications.items or [] for flag in item.flags}
    found = _status_warnings("medications", medications.status)
    return [*found, *(f"medication-{flag}" for flag in (EXPIRED, POSSIBLE_DUPLICATE) if flag in flags)]


def news2_warnings(warning: EarlyWarning) -> list[str]:
    found = _status_warnings("news2", warning.status)
    if warning.risk == "high":
        found.append("news2-high")
    return [*found, "news2-incomplete"] if warning.complete is False else found


def restricted_warnings(restricted: Restricted) -> list[str]:
    return [RESTRICTED_HIDDEN] if restricted.hidden else []


def in_order(*groups: Iterable[str]) -> list[str]:
    return sorted({code for group in groups for code in group})


def _status_warnings(section: str, status: Status) -> list[str]:
    return [] if status == "ok" else [f"{section}-{status}"]
