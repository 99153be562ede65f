"""The views answer the examples exactly; what must not matter does not."""

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from jsonpointer import resolve_pointer

from bedside.gateway.viewing.testing import RecordsInMemory, ViewsInMemory

EXAMPLES = Path(__file__).parent / "examples"
PATHS = {"physician-chart": "/physician/patients/{}/chart", "frontdesk-card": "/frontdesk/patients/{}/card"}
SERVED = [
    ("p1-multimorbid", "physician-chart"),
    ("p1-multimorbid", "frontdesk-card"),
    ("p2-child", "frontdesk-card"),
]
ABSENT = object()


def bundle(patient: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in read(f"{patient}/bundle.json")["entry"]]


def read(path: str) -> Any:
    return json.loads((EXAMPLES / path).read_text())


def path_of(patient: str, view: str) -> str:
    return PATHS[view].format(patient.partition("-")[0])


async def body(records: list[dict[str, Any]], patient: str, view: str) -> Any:
    answer = await ViewsInMemory(RecordsInMemory(records)).get(path_of(patient, view))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["meta"]["completeness"] == answer.headers["X-View-Completeness"] == "complete"
    del found["meta"]
    return found


@pytest.mark.parametrize(("patient", "view"), SERVED)
async def test_a_view_equals_its_example(patient: str, view: str) -> None:
    assert await body(bundle(patient), patient, view) == read(f"{patient}/{view}.expected.json")


@pytest.mark.parametrize(("patient", "view"), SERVED)
async def test_the_order_of_a_bundle_never_changes_a_view(patient: str, view: str) -> None:
    shuffled = bundle(patient)
    random.Random(7).shuffle(shuffled)
    assert await body(shuffled, patient, view) == read(f"{patient}/{view}.expected.json")


VARIANTS = [variant for variant in read("variants.json") if variant["view"] in PATHS]
# Of the ward's patient there is no physician's example, so the variants alone speak of that chart.
DEGRADED = [case for case in read("degraded.json") if case["view"] in PATHS]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda case: f"{case['id']} {case['why']}")
async def test_a_variant(variant: dict[str, Any]) -> None:
    records = bundle(variant["patient"])
    for patch in variant["patch"]:
        apply(patch, records)
    check(variant["expect"], await body(records, variant["patient"], variant["view"]))


@pytest.mark.parametrize("case", DEGRADED, ids=lambda case: f"{case['id']} {case['why']}")
async def test_a_service_that_is_down(case: dict[str, Any]) -> None:
    records = RecordsInMemory(bundle(case["patient"]))
    records.down = set(case["fault"])
    answer = await ViewsInMemory(records).get(path_of(case["patient"], case["view"]))
    assert answer.status_code == case["httpStatus"]
    check(case["expect"], answer.json())


def apply(patch: dict[str, Any], records: list[dict[str, Any]]) -> None:
    if patch["op"] == "add-resource":
        records.append(patch["resource"])
        return
    at = next(i for i, item in enumerate(records) if f"{item['resourceType']}/{item['id']}" == patch["ref"])
    if patch["op"] == "remove-resource":
        del records[at]
        return
    target = records[at]
    for step in patch["path"][:-1]:
        target = target[step]
    if patch["op"] == "set":
        target[patch["path"][-1]] = patch["value"]
    else:
        del target[patch["path"][-1]]


def check(expectations: list[dict[str, Any]], found: Any) -> None:
    for expected in expectations:
        told = resolve_pointer(found, expected["pointer"], ABSENT)
        if "equals" in expected:
            assert told == expected["equals"], expected["pointer"]
        elif "contains" in expected:
            assert expected["contains"] in told, expected["pointer"]
        else:
            assert (told is ABSENT) == expected["absent"], expected["pointer"]


EXPECTED_CHART = read("p1-multimorbid/physician-chart.expected.json")
MISTAKEN: dict[str, dict[str, Any]] = {
    "AllergyIntolerance": {"verificationStatus": {"coding": [{"code": "entered-in-error"}]}},
    "Condition": {"verificationStatus": {"coding": [{"code": "entered-in-error"}]}},
    "MedicationRequest": {"status": "entered-in-error"},
    "Observation": {"status": "entered-in-error"},
    "Encounter": {"status": "entered-in-error"},
    "Appointment": {"status": "entered-in-error"},
    "CareTeam": {"status": "entered-in-error"},
}


@pytest.mark.parametrize("type_name", sorted(MISTAKEN))
async def test_a_record_added_in_error_changes_nothing(type_name: str) -> None:
    records = bundle("p1-multimorbid")
    twins = [copy.deepcopy(record) for record in records if record["resourceType"] == type_name]
    added = [{**twin, **MISTAKEN[type_name], "id": f"{twin['id']}-mistaken"} for twin in twins]
    assert await body(records + added, "p1-multimorbid", "physician-chart") == EXPECTED_CHART


@pytest.mark.parametrize("type_name", ["AllergyIntolerance", "Condition", "MedicationRequest", "Observation"])
async def test_a_labelled_record_changes_only_what_says_that_something_is_hidden(type_name: str) -> None:
    records = [record for record in bundle("p1-multimorbid") if record["id"] not in ("c9", "m8")]
    open_chart = await body(records, "p1-multimorbid", "physician-chart")
    assert open_chart["restricted"] == {"hidden": False, "breakGlass": "not-needed"}
    twin = copy.deepcopy(next(record for record in records if record["resourceType"] == type_name))
    labelled = {**twin, "id": "labelled", "meta": {"security": [{"code": "HIV"}]}}
    labelled |= {"code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}], "text": "A secret"}}
    labelled |= {"medicationCodeableConcept": {"text": "A secret"}, "effectiveDateTime": "2026-06-14T10:00:00Z"}
    chart = await body([*records, labelled], "p1-multimorbid", "physician-chart")
    assert chart.pop("restricted") == {"hidden": True, "breakGlass": "available"}
    assert chart.pop("warnings") == sorted([*open_chart.pop("warnings"), "restricted-hidden"])
    del open_chart["restricted"]
    assert chart == open_chart


async def test_a_labelled_appointment_tells_the_front_desk_its_time_alone() -> None:
    records = bundle("p1-multimorbid")
    appointment = next(record for record in records if record["id"] == "ap0")
    appointment["meta"] = {"security": [{"code": "PSY"}]}
    card = await body(records, "p1-multimorbid", "frontdesk-card")
    assert card["appointments"]["today"] == [
        {
            "id": "ap0",
            "title": "Appointment",
            "status": "booked",
            "start": "2026-06-15T10:15:00+01:00",
            "end": "2026-06-15T10:35:00+01:00",
            "location": None,
            "clinician": None,
        }
    ]


async def test_the_front_desk_asks_for_nothing_clinical() -> None:
    records = RecordsInMemory(bundle("p1-multimorbid"))
    await ViewsInMemory(records).get("/frontdesk/patients/p1/card")
    assert set(records.asked) <= {"Patient", "RelatedPerson", "Coverage", "Appointment", "Practitioner", "Location"}


@pytest.mark.parametrize("missing", ["AllergyIntolerance", "Condition", "MedicationRequest", "Observation"])
async def test_a_lost_page_is_never_none(missing: str) -> None:
    records = RecordsInMemory(bundle("p1-multimorbid"), page_size=1)
    records.broken = {missing}
    chart = (await ViewsInMemory(records).get("/physician/patients/p1/chart")).json()
    answers = {
        "AllergyIntolerance": ("allergies", "answer"),
        "Condition": ("activeProblems", "answer"),
        "MedicationRequest": ("medications", "answer"),
        "Observation": ("earlyWarning", "score"),
    }
    section, key = answers[missing]
    assert (chart[section]["status"], chart[section][key]) in (("partial", "unknown"), ("partial", None))
    assert chart["meta"]["completeness"] == "partial"


async def test_the_number_of_calls_does_not_grow_with_the_rows() -> None:
    records = bundle("p1-multimorbid")
    many = [{**record, "id": f"{record['id']}-{i}"} for i in range(20) for record in records if "subject" in record]
    few_asked, many_asked = RecordsInMemory(records), RecordsInMemory(records + many, page_size=10_000)
    for asked in (few_asked, many_asked):
        await ViewsInMemory(asked).get("/physician/patients/p1/chart")
    assert sorted(few_asked.asked) == sorted(many_asked.asked)
    assert len(few_asked.asked) <= 12
