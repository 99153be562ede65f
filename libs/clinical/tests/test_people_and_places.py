"""R4, R5, R6, R13, R15: who, how reached, where, and what is hidden."""

from typing import Any

import pytest

from bedside.clinical.contacts import contacts
from bedside.clinical.directory import Directory, local
from bedside.clinical.disclosure import LABELS, Rights, restricted, visible
from bedside.clinical.encounters import encounters, length_of_stay_days, place
from bedside.clinical.header import age_in_months, header
from bedside.clinical.moments import Moment, instant, last_day, printed
from bedside.clinical.names import person_name, preferred_name, professional_name, sort_name
from bedside.clinical.telecom import phone
from bedside.clinical.testing import LONDON, MOMENT, coded


@pytest.mark.parametrize(
    ("born", "months"),
    [("1954-11-02", 71 * 12 + 7), ("2022-03-01", 51), ("2026-06-15", 0), ("2026-06-16", None), (None, None),
     ("2010", 15 * 12 + 5), ("1948-02-29", 78 * 12 + 3)],
)  # fmt: skip
def test_an_age_is_the_youngest_that_the_birth_date_allows(born: str | None, months: int | None) -> None:
    patient: Any = {"id": "p", "birthDate": born} if born else {"id": "p"}
    assert age_in_months(patient, MOMENT) == months


def test_a_birthday_of_29_february_is_1_march_in_other_years() -> None:
    patient: Any = {"id": "p", "birthDate": "1948-02-29"}
    ages = {day: header(patient, Moment(_at(f"{day}T12:00:00Z"), LONDON)).age for day in ("2026-02-28", "2026-03-01")}
    assert ages == {"2026-02-28": 77, "2026-03-01": 78}


def test_the_facility_s_day_decides_an_age() -> None:
    patient: Any = {"id": "p", "birthDate": "2010-06-15"}
    assert header(patient, Moment(_at("2026-06-14T23:30:00Z"), LONDON)).age == 16


def _at(recorded: str) -> Any:
    return instant(recorded, LONDON)


NAMES: list[Any] = [
    {"use": "old", "family": "Adeyemi", "given": ["Margaret"]},
    {"use": "usual", "family": "Okafor", "given": ["Maggie"]},
    {"use": "official", "family": "Okafor", "given": ["Margaret", "Ellen"], "prefix": ["Mrs"]},
]


def test_names_by_their_uses() -> None:
    assert person_name(NAMES) == "Margaret Ellen Okafor"
    assert sort_name(NAMES) == "Okafor, Margaret Ellen"
    assert preferred_name(NAMES) == "Maggie"
    assert professional_name(NAMES) == "Mrs Margaret Ellen Okafor"
    assert person_name(NAMES[:1]) is None
    assert person_name([{"text": "Leo Brandt", "family": "B"}]) == "Leo Brandt"


def test_the_phone_of_lowest_rank_that_is_not_old() -> None:
    telecom: list[Any] = [
        {"system": "phone", "value": "1", "use": "old", "rank": 1},
        {"system": "phone", "value": "2"},
        {"system": "phone", "value": "3", "rank": 2},
        {"system": "email", "value": "4", "rank": 1},
    ]
    assert phone(telecom) == telecom[2]


def test_a_parent_is_no_guardian_until_coded_so() -> None:
    related: list[Any] = [
        {"id": "a", "name": [{"text": "Father"}], "relationship": [coded("FTH", text="Father")]},
        {"id": "b", "name": [{"text": "Mother"}], "relationship": [coded("GUARD"), coded("MTH", text="Mother")]},
        {"id": "c", "name": [{"text": "Gone"}], "active": False},
    ]
    found = [(person.name, person.relationship, person.guardian) for person in contacts({"id": "p"}, related)]
    assert found == [("Mother", "Mother", True), ("Father", "Father", False)]


@pytest.mark.parametrize(
    ("reference", "found"),
    [("Patient/1", "Patient/1"), ("https://x/fhir/Patient/1/_history/2", "Patient/1"), ("#a", None),
     ("urn:uuid:1", None), ("", None), ("odd", None)],
)  # fmt: skip
def test_a_reference_however_written(reference: str, found: str | None) -> None:
    assert local({"reference": reference}) == found


WARD = Directory.of(
    {"resourceType": "Location", "id": id_, "name": name, "physicalType": coded(kind)}
    for id_, name, kind in (("w", "Ward 7B", "wa"), ("b", "Bed 1", "bd"), ("x", "ED bay 4", "bd"))
)
ADMITTED: Any = {
    "id": "e",
    "status": "in-progress",
    "class": {"code": "IMP"},
    "period": {"start": "2026-06-12T23:30:00Z"},
    "location": [
        {"location": {"reference": "Location/x"}, "status": "completed"},
        {"location": {"reference": "Location/w"}, "status": "active"},
        {"location": {"reference": "Location/b"}, "status": "active"},
    ],
}


def test_an_admission_after_midnight_is_of_that_day() -> None:
    assert length_of_stay_days(ADMITTED, MOMENT) == 2
    assert printed(ADMITTED["period"]["start"], LONDON) == "2026-06-13T00:30:00+01:00"


def test_the_bed_stands_before_the_ward() -> None:
    assert place(ADMITTED, WARD) == "Bed 1, Ward 7B"


def test_the_next_appointment_is_at_or_after_now() -> None:
    booked: list[Any] = [
        {"id": id_, "status": status, "start": start}
        for id_, status, start in (
            ("past", "booked", "2026-06-15T08:59:00Z"),
            ("now", "booked", "2026-06-15T09:00:00Z"),
            ("cancelled", "cancelled", "2026-06-15T09:00:00Z"),
            ("later", "booked", "2026-06-16T09:00:00Z"),
        )
    ]
    following = encounters([], booked, Directory(), MOMENT, whole=True).next
    assert following is not None
    assert following.id == "now"


@pytest.mark.parametrize("label", sorted(LABELS))
def test_every_label_hides_and_its_right_shows(label: str) -> None:
    record: Any = {"id": "a", "meta": {"security": [{"code": "R"}, {"code": label}]}}
    assert visible([record], Rights()) == []
    assert visible([record], Rights(frozenset({label}))) == [record]
    assert visible([record], Rights(glass_broken=True)) == ([] if label == "PSYTHPN" else [record])


def test_what_could_not_be_loaded_may_hide_something() -> None:
    assert restricted(hides=False, whole=False, rights=Rights()).hidden is None
    assert restricted(hides=True, whole=False, rights=Rights()).hidden is True


@pytest.mark.parametrize(
    ("recorded", "last"),
    [("2026", "2026-12-31"), ("2026-02", "2026-02-28"), ("2026-02-03", "2026-02-03"),
     ("2026-06-14T23:30:00.1234567Z", "2026-06-15"), ("nonsense", "None")],
)  # fmt: skip
def test_the_last_day_that_was_meant(recorded: str, last: str) -> None:
    assert str(last_day(recorded, LONDON)) == last
