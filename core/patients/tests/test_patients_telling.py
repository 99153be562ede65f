"""What the patients service tells, read off a change and through its door."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

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
