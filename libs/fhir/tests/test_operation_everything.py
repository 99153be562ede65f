"""`$everything`: the whole record, once, and nobody else's."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bedside.events.database import Database
from bedside.fhir.declaration import Owned, Service
from bedside.fhir.existence.peers import Existence
from bedside.fhir.existence.rows import remember
from bedside.fhir.rest.testing import Served, served

TYPES = (
    "Patient", "Practitioner", "Organization", "Location", "Medication", "Encounter", "Observation", "Condition",
    "MedicationRequest", "AllergyIntolerance",
)  # fmt: skip


def ref(text: str) -> dict[str, str]:
    return {"reference": text}


ALLERGY_STATUS = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
RECORD: tuple[dict[str, Any], ...] = (
    {"resourceType": "Organization", "id": "ward", "name": "x"},
    {"resourceType": "Organization", "id": "elsewhere", "name": "x"},
    {"resourceType": "Practitioner", "id": "d1"},
    {"resourceType": "Practitioner", "id": "d2"},
    {"resourceType": "Location", "id": "bed", "managingOrganization": ref("Organization/ward")},
    {"resourceType": "Medication", "id": "m1"},
    {"resourceType": "Patient", "id": "p1", "generalPractitioner": [ref("Practitioner/d1")]},
    {"resourceType": "Patient", "id": "p2", "generalPractitioner": [ref("Practitioner/d2")]},
    {
        "resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "AMB"},
        "subject": ref("Patient/p1"), "location": [{"location": ref("Location/bed")}],
        "period": {"start": "2026-01-10T08:00:00Z", "end": "2026-01-12T08:00:00Z"},
    },
    {
        "resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "x"},
        "subject": ref("Patient/p1"), "encounter": ref("Encounter/e1"), "performer": [ref("Practitioner/d1")],
        "effectiveDateTime": "2026-01-11",
    },
    {
        "resourceType": "Observation", "id": "o2", "status": "final", "code": {"text": "x"},
        "subject": ref("Patient/p1"), "effectiveDateTime": "2020-05-01",
    },
    {
        "resourceType": "Observation", "id": "o3", "status": "final", "code": {"text": "x"},
        "subject": ref("Patient/p2"), "hasMember": [ref("Observation/o1")], "effectiveDateTime": "2026-01-11",
    },
    {
        "resourceType": "AllergyIntolerance", "id": "a1", "patient": ref("Patient/p1"),
        "clinicalStatus": {"coding": [{"system": ALLERGY_STATUS, "code": "active"}]},
    },
    {
        "resourceType": "MedicationRequest", "id": "r1", "status": "active", "intent": "order",
        "subject": ref("Patient/p1"), "medicationReference": ref("Medication/m1"), "authoredOn": "2026-01-11",
    },
)  # fmt: skip
WHOLE = {
    "Patient/p1", "Encounter/e1", "Observation/o1", "Observation/o2", "AllergyIntolerance/a1", "MedicationRequest/r1",
    "Practitioner/d1", "Location/bed", "Organization/ward", "Medication/m1",
}  # fmt: skip


async def given(server: Served, *resources: dict[str, Any]) -> None:
    for resource in resources:
        response = await server.http.put(f"/fhir/{resource['resourceType']}/{resource['id']}", json=resource)
        assert response.status_code in (200, 201), response.text


@pytest.fixture
async def record(database: Database) -> AsyncIterator[Served]:
    async with served(Service("patients", tuple(Owned(name) for name in TYPES)), database) as running:
        await given(running, *RECORD)
        yield running


async def pages(server: Served, address: str, **headers: str) -> list[list[str]]:
    """The keys of each page; a page names nothing twice."""
    told = []
    url: str | None = f"/fhir/{address}"
    while url is not None:
        answer = await server.http.get(url, headers=headers)
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        keys = [f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in bundle.get("entry", ())]
        assert len(set(keys)) == len(keys)
        told.append(keys)
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
        url = url and url.removeprefix("http://127.0.0.1:8000")
    return told


async def told(server: Served, address: str, **headers: str) -> set[str]:
    return {key for page in await pages(server, address, **headers) for key in page}


async def test_a_patients_record_is_the_compartment_and_whom_and_what_it_names(record: Served) -> None:
    assert await pages(record, "Patient/p1/$everything") == [sorted_as_stored(WHOLE)]
    assert await told(record, "Patient/p2/$everything") == {"Patient/p2", "Observation/o3", "Practitioner/d2"}


def sorted_as_stored(keys: set[str]) -> list[str]:
    order = [f"{each['resourceType']}/{each['id']}" for each in RECORD]
    return sorted(keys, key=order.index, reverse=True)


@pytest.mark.parametrize(
    ("query", "missing"),
    [
        ("start=2026-01-01", {"Observation/o2"}),
        ("start=2026", {"Observation/o2"}),
        ("end=2020-12", WHOLE - {"Patient/p1", "Observation/o2", "AllergyIntolerance/a1", "Practitioner/d1"}),
        ("start=2020-05-01&end=2020-05-01", WHOLE - {"Patient/p1", "Observation/o2", "AllergyIntolerance/a1",
                                                      "Practitioner/d1"}),
        ("start=2026-01-12&end=2026-01-20", {"Observation/o1", "Observation/o2", "MedicationRequest/r1",
                                             "Medication/m1"}),
        ("_type=Observation", WHOLE - {"Observation/o1", "Observation/o2"}),
        ("_type=Practitioner,Medication", WHOLE - {"Practitioner/d1", "Medication/m1"}),
        ("_type=Practitioner&_type=Medication", WHOLE - {"Practitioner/d1", "Medication/m1"}),
        ("_type=Claim", WHOLE),
        ("_since=2999-01-01T00:00:00Z", WHOLE),
        ("_since=2001-01-01T00:00:00+01:00", set()),
    ],
)  # fmt: skip
async def test_a_record_is_narrowed_by_care_dates_types_and_changes(
    record: Served, query: str, missing: set[str]
) -> None:
    assert await told(record, f"Patient/p1/$everything?{query}") == WHOLE - missing


async def test_pages_stay_as_they_were_while_others_write(record: Served) -> None:
    first = await record.http.get("/fhir/Patient/p1/$everything?_count=4")
    following = next(link["url"] for link in first.json()["link"] if link["relation"] == "next")
    await given(record, RECORD[9] | {"id": "o9"}, RECORD[9] | {"status": "amended"})
    await record.http.delete("/fhir/AllergyIntolerance/a1")
    rest = await pages(record, following.removeprefix("http://127.0.0.1:8000/fhir/"))
    keys = [f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in first.json()["entry"]]
    assert [keys, *rest] == [sorted_as_stored(WHOLE)[at : at + 4] for at in (0, 4, 8)]


async def test_a_page_opens_for_its_caller_and_its_question_alone(record: Served) -> None:
    first = (await record.http.get("/fhir/Patient/p1/$everything?_count=4")).json()
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    address = following.removeprefix("http://127.0.0.1:8000")
    stranger = await record.http.get(address, headers=record.as_caller("system/*.rs", sub="somebody"))
    other = await record.http.get(address.replace("_count=4", "_count=5"))
    assert (stranger.status_code, other.status_code) == (400, 400)


async def test_a_record_is_told_as_it_was_at_an_instant(record: Served) -> None:
    read = (await record.http.get("/fhir/Observation/o2")).json()
    await record.http.delete("/fhir/Observation/o2")
    instant = (await record.http.get("/fhir/MedicationRequest/r1")).json()["meta"]["lastUpdated"]
    assert "Observation/o2" not in await told(record, "Patient/p1/$everything")
    assert await told(record, f"Patient/p1/$everything?_asOf={instant}") == WHOLE
    before = await record.http.get("/fhir/Patient/p1/$everything?_asOf=2001-01-01T00:00:00Z")
    assert (before.status_code, read["id"]) == (404, "o2")


async def test_parameters_may_be_posted(record: Served) -> None:
    sent = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "start", "valueDate": "2026-01-01"},
            {"name": "_type", "valueCode": "Observation"},
            {"name": "_count", "valuePositiveInt": 1},
        ],
    }
    answer = (await record.http.post("/fhir/Patient/p1/$everything", json=sent)).json()
    assert [entry["resource"]["id"] for entry in answer["entry"]] == ["o1"]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("Patient/none/$everything", 404),
        ("Patient/p1/$everything?_type=Banana", 400),
        ("Patient/p1/$everything?_count=0", 400),
        ("Patient/p1/$everything?_page=x", 400),
        ("Patient/p1/$everything?_page=.x", 400),
        ("Patient/p1/$everything?start=yesterday", 400),
        ("Patient/p1/$everything?name=x", 400),
        ("Encounter/e1/$everything?start=2026", 400),
        ("Encounter/$everything", 404),
        ("Observation/o1/$everything", 404),
    ],
)
async def test_what_cannot_be_told_is_refused(record: Served, address: str, status: int) -> None:
    assert (await record.http.get(f"/fhir/{address}")).status_code == status


async def test_a_deleted_patient_is_gone(record: Served) -> None:
    await given(record, {"resourceType": "Patient", "id": "p3"})
    await record.http.delete("/fhir/Patient/p3")
    assert (await record.http.get("/fhir/Patient/p3/$everything")).status_code == 410


async def test_an_encounters_record_names_its_patient_and_no_other(record: Served) -> None:
    await given(record, RECORD[9] | {"id": "o4", "hasMember": [ref("Observation/o2"), ref("Observation/o3")]})
    assert await told(record, "Encounter/e1/$everything") == {
        "Encounter/e1", "Observation/o1", "Observation/o4", "Observation/o2", "Patient/p1", "Practitioner/d1",
        "Location/bed", "Organization/ward",
    }  # fmt: skip


async def test_all_records_are_told_one_after_the_other(record: Served) -> None:
    assert [set(page) for page in await pages(record, "Patient/$everything")] == [
        WHOLE,
        {"Patient/p2", "Observation/o3", "Practitioner/d2"},
    ]
    small = await pages(record, "Patient/$everything?_count=4")
    assert [len(page) for page in small] == [4, 4, 2, 3]


async def test_an_app_of_one_patient_is_told_of_that_one(record: Served) -> None:
    caller = record.as_caller("patient/*.rs", patient="p1", roles=["patient"])
    assert await told(record, "Patient/p1/$everything", **caller) == WHOLE
    assert await told(record, "Patient/$everything", **caller) == WHOLE
    assert (await record.http.get("/fhir/Patient/p2/$everything", headers=caller)).status_code == 404


async def test_a_type_without_a_scope_is_not_told(record: Served) -> None:
    caller = record.as_caller("system/Patient.r system/Observation.r?category=x system/Practitioner.s")
    assert await told(record, "Patient/p1/$everything", **caller) == {"Patient/p1"}
    refused = await record.http.get("/fhir/Patient/p1/$everything?_type=Encounter", headers=caller)
    assert refused.status_code == 403
    assert (await record.http.get("/fhir/Encounter/e1/$everything", headers=caller)).status_code == 403


async def test_an_owner_without_the_patients_tells_what_it_has_of_them(database: Database) -> None:
    async with served(Service("encounters", (Owned("Observation"), Owned("Medication"))), database) as server:
        await given(server, RECORD[10] | {"id": "o1"}, RECORD[10] | {"id": "o2", "subject": ref("Patient/p2")})
        caller = server.as_caller("patient/*.rs", patient="p1", roles=["patient"])
        assert await told(server, "Patient/p1/$everything") == {"Observation/o1"}
        assert await told(server, "Patient/p1/$everything", **caller) == {"Observation/o1"}
        assert await told(server, "Patient/nobody/$everything") == set()
        assert [set(page) for page in await pages(server, "Patient/$everything")] == [
            {"Observation/o1"},
            {"Observation/o2"},
        ]
        assert (await server.http.get("/fhir/Patient/p2/$everything", headers=caller)).status_code == 404
        async with database.transaction() as connection:
            await remember(connection, {"Patient/gone": Existence(exists=False, version=2)})
        assert (await server.http.get("/fhir/Patient/gone/$everything")).status_code == 404
