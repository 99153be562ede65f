"""What the patients service tells, read off a change and through its door."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from bedside.fhir.rest.testing import Served, served
from bedside.fhir.store.testing import fresh_database
from bedside.patients.service import service


@pytest.fixture
async def patients(tmp_path: Path) -> AsyncIterator[Served]:
    async with fresh_database("sqlite", tmp_path) as database, served(service, database) as running:
        yield running


async def put(server: Served, id: str, **elements: Any) -> Any:
    response = await server.http.put(f"/fhir/Patient/{id}", json={"resourceType": "Patient", "id": id, **elements})
    assert response.status_code in (200, 201), response.text
    return response


def replaced_by(id: str) -> list[dict[str, Any]]:
    return [{"type": "replaced-by", "other": {"reference": f"Patient/{id}"}}]


async def merges(server: Served) -> list[str]:
    return [subject for key, subject in await server.told() if key == "patient.merged.v1"]


async def test_a_link_to_the_survivor_tells_a_merge_once(patients: Served) -> None:
    await put(patients, "p2")
    await put(patients, "p7", active=True)
    await put(patients, "p7", active=False, link=replaced_by("p2"))
    await put(patients, "p7", active=False, link=replaced_by("p2"), gender="female")
    assert await merges(patients) == ["Patient/p7"]
    body = await patients.database.fetch_row("SELECT body FROM outbox WHERE type = 'patient.merged.v1'")
    assert body is not None
    assert b'"survivor":"Patient/p2"' in body[0]
    assert b'"aggregateversion":2' in body[0]


async def test_another_survivor_is_told_again(patients: Served) -> None:
    await put(patients, "p2")
    await put(patients, "p3")
    await put(patients, "p7", link=replaced_by("p2"))
    await put(patients, "p7", link=replaced_by("p3"))
    assert await merges(patients) == ["Patient/p7", "Patient/p7"]


async def test_other_links_tell_nothing(patients: Served) -> None:
    await put(patients, "p2")
    await put(patients, "p7", link=[{"type": "seealso", "other": {"reference": "Patient/p2"}}])
    assert await merges(patients) == []


async def test_no_fact_holds_what_the_patient_is_called(patients: Served) -> None:
    await put(patients, "p2", name=[{"family": "Zebrafinch"}], identifier=[{"system": "urn:mrn", "value": "QX77"}])
    await put(patients, "p7", name=[{"family": "Zebrafinch"}], link=replaced_by("p2"))
    bodies = b"".join(row[0] for row in await patients.database.fetch("SELECT body FROM outbox"))
    assert b"Zebrafinch" not in bodies
    assert b"QX77" not in bodies


async def test_a_rule_that_is_broken_is_refused_with_its_place(patients: Served) -> None:
    sent = {"resourceType": "Patient", "birthDate": "1980-05-02", "deceasedDateTime": "1979-01-01"}
    refused = await patients.http.post("/fhir/Patient", json=sent)
    issue = refused.json()["issue"][0]
    assert (refused.status_code, issue["code"]) == (422, "business-rule")
    assert issue["expression"] == ["Patient.deceasedDateTime"]


async def facts(server: Served, key: str) -> list[Any]:
    rows = await server.database.fetch("SELECT body FROM outbox WHERE type = $1 ORDER BY seq", key)
    told = [orjson.loads(row[0]) for row in rows]
    return [(fact["subject"], fact["aggregateversion"], fact["data"]) for fact in told]


async def test_a_practitioner_who_appears_goes_or_practises_no_longer_is_told_and_nothing_else_of_them(
    patients: Served,
) -> None:
    address = "/fhir/Practitioner/dr-x"
    made: dict[str, Any] = {"resourceType": "Practitioner", "id": "dr-x"}
    for elements in (
        {},
        {"gender": "female"},
        {"active": True},
        {"active": False},
        {"active": False, "gender": "male"},
    ):
        assert (await patients.http.put(address, json=made | elements)).status_code in (200, 201)
    assert (await patients.http.delete(address)).status_code in (200, 204)
    assert (await patients.http.put(address, json=made)).status_code in (200, 201)
    assert await facts(patients, "practitioner.changed.v1") == [
        ("Practitioner/dr-x", 1, {"active": True}),
        ("Practitioner/dr-x", 4, {"active": False}),
        ("Practitioner/dr-x", 6, {"active": False}),
        ("Practitioner/dr-x", 7, {"active": True}),
    ]


async def test_each_version_of_a_consent_is_told_by_its_status_and_a_scope_of_hl7s_only(patients: Served) -> None:
    await put(patients, "p2")
    system = "http://terminology.hl7.org/CodeSystem/consentscope"
    made: dict[str, Any] = {
        "resourceType": "Consent",
        "id": "c1",
        "category": [{"text": "acting for a patient"}],
        "patient": {"reference": "Patient/p2"},
        "policyRule": {"text": "hospital policy"},
    }

    async def sent(status: str, **coding: str) -> None:
        answer = await patients.http.put(
            "/fhir/Consent/c1", json=made | {"status": status, "scope": {"coding": [coding]}}
        )
        assert answer.status_code in (200, 201), answer.text

    await sent("active", system=system, code="patient-privacy")
    await sent("active", system=system, code="Zebrafinch")
    await sent("inactive", system="urn:ours", code="patient-privacy")
    assert (await patients.http.delete("/fhir/Consent/c1")).status_code in (200, 204)
    assert await facts(patients, "consent.changed.v1") == [
        ("Consent/c1", 1, {"status": "active", "scope": "patient-privacy"}),
        ("Consent/c1", 2, {"status": "active", "scope": "other"}),
        ("Consent/c1", 3, {"status": "inactive", "scope": "other"}),
        ("Consent/c1", 4, {"status": "deleted", "scope": "other"}),
    ]
