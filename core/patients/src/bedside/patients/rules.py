"""What must be true of people, places and cover, beyond what FHIR itself demands."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from bedside.fhir.outcome import Issue

if TYPE_CHECKING:
    from fhir.resources.R4B.coverage import Coverage
    from fhir.resources.R4B.patient import Patient

_MRN = ("http://terminology.hl7.org/CodeSystem/v2-0203", "MR")
_FORMER = ("old", "temp", "secondary")


def born_before_dying(patient: "Patient") -> Iterator[Issue]:
    """Compared only as far as both are known: a year against a day says nothing about the same year."""
    if _is_before(patient.deceasedDateTime, patient.birthDate):
        yield Issue("business-rule", "a patient dies after being born", "Patient.deceasedDateTime")


def has_one_current_mrn(patient: "Patient") -> Iterator[Issue]:
    """One current medical record number in each system; former ones are marked `old`."""
    systems: set[str] = set()
    for index, identifier in enumerate(patient.identifier or ()):
        codings = (identifier.type.coding or ()) if identifier.type else ()
        is_mrn = any((coding.system, coding.code) == _MRN for coding in codings)
        if not is_mrn or not identifier.system or identifier.use in _FORMER or _has_ended(identifier):
            continue
        if str(identifier.system) in systems:
            text = "there is one current medical record number in a system; mark the others as old"
            yield Issue("business-rule", text, f"Patient.identifier[{index}]")
        systems.add(str(identifier.system))


def coverage_ends_after_it_starts(coverage: "Coverage") -> Iterator[Issue]:
    period = coverage.period
    if period is not None and _is_before(period.end, period.start):
        yield Issue("business-rule", "cover ends after it starts", "Coverage.period.end")


def _has_ended(identifier: Any) -> bool:
    return identifier.period is not None and identifier.period.end is not None


def _is_before(late: object, early: object) -> bool:
    """Whether `late` is certainly before `early`: partial dates are compared to the precision of the coarser."""
    if late is None or early is None:
        return False
    one, other = _digits(late), _digits(early)
    length = min(len(one), len(other), 10)
    return one[:length] < other[:length]


def _digits(moment: object) -> str:
    # Partial dates come as text, whole ones as dates.
    return moment.isoformat() if isinstance(moment, (date, datetime)) else str(moment)
