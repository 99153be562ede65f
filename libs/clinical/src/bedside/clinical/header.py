"""R4: who the patient is."""

from datetime import date

from bedside.clinical.concepts import codes, name_of
from bedside.clinical.moments import Moment, last_day
from bedside.clinical.names import person_name, preferred_name, sort_name
from bedside.clinical.resources import Patient
from bedside.clinical.shown import Shown

INTERPRETER = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"
ADULT_DISPLAY_Y = 18


class Header(Shown):
    id: str
    name: str | None
    sort_name: str | None
    preferred_name: str | None
    birth_date: str | None
    age: int | None
    age_display: str | None
    sex: str | None
    deceased: bool
    mrn: str | None
    national_id: str | None
    language: str | None
    interpreter_needed: bool | None


def header(patient: Patient, moment: Moment) -> Header:
    names = patient.get("name")
    months = age_in_months(patient, moment)
    return Header(
        id=patient["id"],
        name=person_name(names),
        sort_name=sort_name(names),
        preferred_name=preferred_name(names),
        birth_date=patient.get("birthDate"),
        age=None if months is None else months // 12,
        age_display=None if months is None else _age_display(months),
        sex=patient.get("gender"),
        deceased=patient.get("deceasedBoolean", False) or "deceasedDateTime" in patient,
        mrn=_identifier(patient, "MR"),
        national_id=_identifier(patient, "NI"),
        language=_language(patient),
        interpreter_needed=_interpreter_needed(patient),
    )


def age_in_months(patient: Patient, moment: Moment) -> int | None:
    """On the facility's calendar day. Of a partial birth date the youngest age it allows: a child is never adult."""
    born = last_day(patient.get("birthDate"), moment.zone)
    if born is None or born > moment.today:
        return None
    return _whole_months(born=born, today=moment.today)


def age(patient: Patient, moment: Moment) -> int | None:
    months = age_in_months(patient, moment)
    return None if months is None else months // 12


def _whole_months(*, born: date, today: date) -> int:
    # Comparing days of the month makes somebody born on 29 February a year older on 1 March of a common year.
    return (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)


def _age_display(months: int) -> str:
    years = months // 12
    return f"{years} y" if years >= ADULT_DISPLAY_Y else f"{years} y {months % 12} mo"


def _identifier(patient: Patient, kind: str) -> str | None:
    for identifier in patient.get("identifier", []):
        if identifier.get("use") != "old" and kind in codes(identifier.get("type")) and identifier.get("value"):
            return identifier["value"]
    return None


def _language(patient: Patient) -> str | None:
    return next(
        (name_of(item.get("language")) for item in patient.get("communication", []) if item.get("preferred")), None
    )


def _interpreter_needed(patient: Patient) -> bool | None:
    return next(
        (item.get("valueBoolean") for item in patient.get("extension", []) if item.get("url") == INTERPRETER), None
    )
