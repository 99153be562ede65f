"""What must be true of people and cover; and what must not be demanded of them."""

from typing import Any

import pytest
from fhir.resources.R4B.coverage import Coverage
from fhir.resources.R4B.patient import Patient

from bedside.patients.rules import born_before_dying, coverage_ends_after_it_starts, has_one_current_mrn

MR = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}


def mrn(value: str, system: str | None = "urn:hospital", **elements: Any) -> dict[str, Any]:
    made = {"type": MR, "value": value, **elements}
    return made if system is None else {**made, "system": system}


@pytest.mark.parametrize(
    ("born", "died", "is_wrong"),
    [
        ("1980-05-02", "1980-05-01", True),
        ("1980-05-02", "1979-01-01T00:00:00Z", True),
        ("1980", "1979", True),
        ("1980-05-02", "1980-05-02T04:00:00Z", False),
        ("1980-05-02", "1980", False),
        ("1980-05-02", "1980-05", False),
        ("1980", "1980-01-01", False),
        (None, "1980", False),
        ("1980", None, False),
    ],
)
def test_nobody_dies_before_being_born_as_far_as_is_known(born: str | None, died: str | None, is_wrong: bool) -> None:
    told = {"birthDate": born, "deceasedDateTime": died}
    patient = Patient.model_validate({name: value for name, value in told.items() if value})
    assert [issue.at for issue in born_before_dying(patient)] == (["Patient.deceasedDateTime"] if is_wrong else [])


@pytest.mark.parametrize(
    ("identifiers", "places"),
    [
        ([mrn("1"), mrn("2")], ["Patient.identifier[1]"]),
        ([mrn("1"), mrn("2", use="old")], []),
        ([mrn("1"), mrn("2", period={"end": "2020"})], []),
        ([mrn("1"), mrn("2", system="urn:other")], []),
        ([mrn("1"), mrn("2", system=None)], []),
        ([mrn("1"), {"system": "urn:hospital", "value": "3"}], []),
    ],
)
def test_a_patient_has_one_current_record_number_in_a_system(identifiers: list[Any], places: list[str]) -> None:
    patient = Patient.model_validate({"identifier": identifiers})
    assert [issue.at for issue in has_one_current_mrn(patient)] == places


@pytest.mark.parametrize(
    ("period", "is_wrong"),
    [
        ({"start": "2020-02", "end": "2020-01"}, True),
        ({"start": "2020-02-10", "end": "2020"}, False),
        ({"start": "2020"}, False),
        ({"end": "2020"}, False),
    ],
)
def test_cover_does_not_end_before_it_starts(period: dict[str, str], is_wrong: bool) -> None:
    coverage = Coverage.model_validate(
        {"status": "active", "beneficiary": {"reference": "Patient/p"}, "payor": [{"display": "x"}], "period": period}
    )
    assert bool(list(coverage_ends_after_it_starts(coverage))) is is_wrong
