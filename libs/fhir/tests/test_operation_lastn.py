"""`Observation/$lastn`: the newest of each code."""

from typing import Any

import pytest

from bedside.events.database import Database
from bedside.fhir.rest.testing import Served

LOINC = "http://loinc.org"


def observation(id: str, code: Any, when: str | None, patient: str = "p1", **elements: Any) -> dict[str, Any]:
    made = {"resourceType": "Observation", "id": id, "status": "final", "subject": {"reference": f"Patient/{patient}"}}
    if isinstance(code, str):
        code = {"coding": [{"system": LOINC, "code": code}]}
    return made | {"code": code} | ({"effectiveDateTime": when} if when else {}) | elements


def codings(*codes: tuple[str, str]) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for system, code in codes]}


PULSES = [observation(f"pulse{n}", "8867-4", f"2026-01-{n:02}") for n in (3, 1, 2)]
TEMPERATURES = [observation(f"temp{n}", "8310-5", f"2026-02-{n:02}T08:00:00Z") for n in (1, 2)]
WORDS = [observation("word1", {"text": "mood"}, "2025-01-01"), observation("word2", {"text": "mood"}, "2025-01-02")]
OTHER = observation("other", "8867-4", "2026-03-01", patient="p2")
TIMELESS = observation("timeless", "8867-4", None)


@pytest.fixture
async def ward(server: Served) -> Served:
    for id in ("p1", "p2"):
        await given(server, {"resourceType": "Patient", "id": id})
    await given(server, *PULSES, *TEMPERATURES, *WORDS, OTHER, TIMELESS)
    return server


async def given(server: Served, *resources: dict[str, Any]) -> None:
    for resource in resources:
        response = await server.http.put(f"/fhir/{resource['resourceType']}/{resource['id']}", json=resource)
        assert response.status_code in (200, 201), response.text


async def last(server: Served, query: str, **headers: str) -> list[str]:
    answer = await server.http.get(f"/fhir/Observation/$lastn?{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return [entry["resource"]["id"] for entry in answer.json().get("entry", ())]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("patient=p1", ["temp2", "pulse3", "word2"]),
        ("patient=Patient/p1&max=1", ["temp2", "pulse3", "word2"]),
        ("subject=Patient/p1&max=2", ["temp2", "temp1", "pulse3", "pulse2", "word2", "word1"]),
        ("patient=p1&max=9&code=8867-4", ["pulse3", "pulse2", "pulse1", "timeless"]),
        (f"patient=p1&max=2&code={LOINC}|8867-4", ["pulse3", "pulse2"]),
        ("patient=p1&code=8867-4,8310-5", ["temp2", "pulse3"]),
        ("patient=p1&code=8867-4&date=lt2026-01-03", ["pulse2"]),
        ("patient=p1&category=none", []),
        ("patient=p2", ["other"]),
        ("patient=nobody", []),
    ],
)
async def test_the_newest_of_each_code_are_found(ward: Served, query: str, found: list[str]) -> None:
    assert await last(ward, query) == found


async def test_codes_that_share_a_coding_are_one_group(ward: Served) -> None:
    local = "http://hospital.example"
    await given(
        ward,
        observation("both", codings((LOINC, "8867-4"), (local, "HR")), "2026-01-04"),
        observation("local", codings((local, "HR")), "2026-01-05"),
        observation("elsewhere", codings((local, "8867-4")), "2026-01-06"),
    )
    assert await last(ward, "patient=p1&max=2&date=2026-01") == ["elsewhere", "local", "both"]
    assert await last(ward, "patient=p1&max=1&date=2026-01") == ["elsewhere", "local"]


async def test_criteria_may_be_posted(ward: Served) -> None:
    sent = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "max", "valuePositiveInt": 2},
            {"name": "patient", "valueString": "p1"},
            {"name": "code", "valueString": "8867-4"},
        ],
    }
    answer = (await ward.http.post("/fhir/Observation/$lastn", json=sent)).json()
    assert [entry["resource"]["id"] for entry in answer["entry"]] == ["pulse3", "pulse2"]


async def test_the_past_is_told_as_it_was(ward: Served) -> None:
    instant = (await ward.http.get("/fhir/Observation/timeless")).json()["meta"]["lastUpdated"]
    await ward.http.delete("/fhir/Observation/pulse3")
    assert await last(ward, "patient=p1&code=8867-4") == ["pulse2"]
    assert await last(ward, f"patient=p1&code=8867-4&_asOf={instant}") == ["pulse3"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("code=8867-4", "Parameter patient or subject is needed"),
        ("patient=p1,p2", "Parameter patient or subject is needed"),
        ("patient=p1&patient=p2", "Parameter patient or subject is needed"),
        ("patient=p1&max=0", "Parameter max"),
        ("patient=p1&max=x", "Parameter max"),
        ("patient=p1&_count=3", "Parameter _count does not apply"),
        ("patient=p1&_include=Observation:subject", "Parameter _include does not apply"),
        ("patient=p1&banana=1", "banana"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_name(ward: Served, query: str, says: str) -> None:
    answer = await ward.http.get(f"/fhir/Observation/$lastn?{query}")
    assert answer.status_code == 400
    assert says in answer.text


async def test_an_app_of_one_patient_finds_no_others(ward: Served) -> None:
    caller = ward.as_caller("patient/*.rs", patient="p1", roles=["patient"])
    assert await last(ward, "code=8867-4", **caller) == ["pulse3"]
    assert await last(ward, "patient=p2&code=8867-4", **caller) == []
    reader = ward.as_caller("system/Observation.r")
    assert (await ward.http.get("/fhir/Observation/$lastn?patient=p1", headers=reader)).status_code == 403


async def test_only_the_newest_bodies_are_fetched(ward: Served, database: Database) -> None:
    from bedside.fhir.operations.latest import latest
    from bedside.fhir.search.purview import UNCONFINED
    from bedside.fhir.search.query import parse

    query = parse("Observation", [("patient", "p1")])
    found = await latest(database, query, patient="p1", newest=1, purview=UNCONFINED, snapshot=None)
    assert [stored.id for stored in found] == ["temp2", "pulse3", "word2"]
