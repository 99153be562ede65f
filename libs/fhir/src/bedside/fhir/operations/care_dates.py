"""When care took place: which dates of a resource say so, and whether they lie in a period.

https://hl7.org/fhir/R4/patient-operation-everything.html: "the date range relates to care dates, not record currency
dates". What bears no such date belongs to every period: to leave it out would be to say that it is not there.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bedside.fhir.search.criteria import Statement, sp_among
from bedside.fhir.search.moments import EVER
from bedside.fhir.search.parameters import parameters

# The search parameters that hold them, where that is not `date` alone.
_CODES: dict[str, tuple[str, ...]] = {
    "Account": ("period",),
    "AllergyIntolerance": ("date", "last-date", "onset"),
    "ChargeItem": ("occurrence",),
    "Communication": ("received", "sent"),
    "CommunicationRequest": ("authored", "occurrence"),
    "Condition": ("abatement-date", "onset-date", "recorded-date"),
    "DetectedIssue": ("identified",),
    "DeviceRequest": ("authored-on", "event-date"),
    "DocumentReference": ("date", "period"),
    "Goal": ("start-date", "target-date"),
    "ImagingStudy": ("started",),
    "MedicationAdministration": ("effective-time",),
    "MedicationDispense": ("whenhandedover", "whenprepared"),
    "MedicationRequest": ("authoredon", "date"),
    "MedicationStatement": ("effective",),
    "NutritionOrder": ("datetime",),
    "Provenance": ("recorded", "when"),
    "QuestionnaireResponse": ("authored",),
    "ServiceRequest": ("authored", "occurrence"),
    "Specimen": ("collected",),
    "Task": ("authored-on", "period"),
    "VisionPrescription": ("datewritten",),
} | dict.fromkeys(("Claim", "ClaimResponse", "ExplanationOfBenefit", "Media"), ("created",))


@dataclass(frozen=True)
class Within:
    """The period from `start` to `end`, both microseconds UTC and open where None."""

    start: int | None
    end: int | None

    def test(self, statement: Statement, version: str, type_names: Iterable[str]) -> str:
        """A condition on versions of these types."""
        dates = f"SELECT 1 FROM ix_date d WHERE d.vid = {version}.vid AND {sp_among('d', _sps(type_names))}"
        start = statement.bind(-EVER if self.start is None else self.start)
        end = statement.bind(EVER if self.end is None else self.end)
        return f"(EXISTS ({dates} AND d.lo < {end} AND d.hi > {start}) OR NOT EXISTS ({dates}))"


def _sps(type_names: Iterable[str]) -> list[int]:
    found = {0}
    for name in type_names:
        known = parameters(name)
        for code in _CODES.get(name, ("date",)):
            if code in known and known[code].kind == "date":
                found.update(known[code].sps)
    return sorted(found)
