"""Parts of resources instead of the whole: `_summary` and `_elements`."""

from typing import Any

import pytest

from bedside.fhir import exact_json
from bedside.fhir.outcome import Refused
from bedside.fhir.rest.testing import BASE, Served
from bedside.fhir.search.subset import SUBSETTED, Subset, asked, elements_of

META = {"versionId": "1", "lastUpdated": "2026-01-15T10:30:00.000Z"}
MARKED = {**META, "tag": [SUBSETTED]}
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": META,
    "language": "en",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
    "contained": [{"resourceType": "Organization", "id": "o"}],
    "extension": [{"url": "urn:e", "valueString": "x"}],
    "active": False,
    "name": [{"family": "Adams", "extension": [{"url": "urn:n", "valueString": "x"}]}],
    "birthDate": "1980",
    "_birthDate": {"extension": [{"url": "urn:b", "valueString": "x"}]},
    "multipleBirthInteger": 2,
    "contact": [{"name": {"family": "Berg"}}],
    "link": [{"id": "l1", "other": {"reference": "Patient/p2"}, "type": "seealso"}],
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "meta": META,
    "text": PATIENT["text"],
    "status": "final",
    "code": {"text": "x"},
    "valueQuantity": {"value": 1},
    "note": [{"text": "x"}],
    "component": [
        {"code": {"text": "a"}, "valueInteger": 0, "interpretation": [{"text": "high"}]},
        {"code": {"text": "b"}, "dataAbsentReason": {"text": "none"}},
    ],
}


def parts(resource: dict[str, Any], *names: str, **other: Any) -> dict[str, Any]:
    return {"meta": MARKED} | {name: resource[name] for name in ("resourceType", "id", *names)} | other


@pytest.mark.parametrize(
    ("resource", "subset", "shown"),
    [
        (
            PATIENT,
            Subset("true"),
            parts(PATIENT, "active", "name", "birthDate", "_birthDate",
                  link=[{"other": {"reference": "Patient/p2"}, "type": "seealso"}]),
        ),
        (PATIENT, Subset("text"), parts(PATIENT, "text")),
        (PATIENT, Subset("data"), {k: v for k, v in PATIENT.items() if k != "text"} | {"meta": MARKED}),
        (PATIENT, elements_of(["Patient"], "birthDate,multipleBirth[x]"),
         parts(PATIENT, "active", "link", "birthDate", "_birthDate", "multipleBirthInteger")),
        (PATIENT, elements_of(["Patient"], "id"), parts(PATIENT)),
        (PATIENT, elements_of(["Patient"], "id,name"), parts(PATIENT, "active", "link", "name")),
        (
            OBSERVATION,
            Subset("true"),
            parts(OBSERVATION, "status", "code", "valueQuantity",
                  component=[{"code": {"text": "a"}, "valueInteger": 0}, {"code": {"text": "b"}}]),
        ),
        (OBSERVATION, Subset("text"), parts(OBSERVATION, "status", "code", "text")),
        (OBSERVATION, elements_of(["Observation"], "note"), parts(OBSERVATION, "status", "code", "note")),
        (OBSERVATION, elements_of(["Observation"], "value"), parts(OBSERVATION, "status", "code", "valueQuantity")),
        (OBSERVATION, elements_of(["Observation"], "valueQuantity"),
         parts(OBSERVATION, "status", "code", "valueQuantity")),
    ],
)  # fmt: skip
def test_what_must_be_there_and_what_changes_the_meaning_stays_and_the_rest_is_marked_as_missing(
    resource: dict[str, Any], subset: Subset, shown: dict[str, Any]
) -> None:
    before = exact_json.emit(resource)
    assert subset.of(resource) == shown
    assert exact_json.emit(resource) == before


def test_a_subset_keeps_the_digits_of_decimals_and_is_marked_once() -> None:
    tag = b'"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]'
    sent = (
        b'{"resourceType":"Observation","id":"o1","meta":{' + tag + b'},"status":"final",'
        b'"code":{"text":"x"},"valueQuantity":{"value":1.50}}'
    )
    assert Subset("true").shown(sent) == sent


@pytest.mark.parametrize(
    ("query", "subset"),
    [
        ([], None),
        ([("_summary", "false")], None),
        ([("_pretty", "true"), ("_summary", "data")], Subset("data")),
        ([("_elements", "name, birthDate")], Subset("elements", frozenset({"name", "birthDate"}))),
    ],
)
def test_a_read_may_ask_for_a_subset(query: list[tuple[str, str]], subset: Subset | None) -> None:
    assert asked(query, "Patient") == subset


@pytest.mark.parametrize(
    "query",
    [
        [("_summary", "count")],
        [("_summary", "yes")],
        [("_summary", "")],
        [("_elements", "")],
        [("_elements", "name,,id")],
        [("_elements", "name.family")],
        [("_elements", "status")],
        [("_elements", "\x00")],
        [("_elements", ",".join(f"a{number}" for number in range(200)))],
        [("_summary", "true"), ("_elements", "name")],
        [("_summary", "true"), ("_summary", "true")],
    ],
)
def test_a_subset_that_makes_no_sense_is_refused(query: list[tuple[str, str]]) -> None:
    with pytest.raises(Refused) as refused:
        asked(query, "Patient")
    assert refused.value.status == 400


async def shown_by(server: Served, address: str) -> list[dict[str, Any]]:
    response = await server.http.get(f"/fhir/{address}")
    assert response.status_code == 200, response.text
    return [entry["resource"] for entry in response.json().get("entry", [])]


async def test_a_search_shows_subsets_of_matches_and_of_what_it_includes_as_r4_says(server: Served) -> None:
    patient = {"resourceType": "Patient", "id": "p1", "birthDate": "1980", "maritalStatus": {"text": "x"}}
    seen = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "x"},
            "subject": {"reference": "Patient/p1"}, "note": [{"text": "x"}]}  # fmt: skip
    for resource in (patient, seen):
        await server.http.put(f"/fhir/{resource['resourceType']}/{resource['id']}", json=resource)
    [whole] = await shown_by(server, "Observation")
    marked = {**whole["meta"], "tag": [SUBSETTED]}

    def names(resource: dict[str, Any]) -> str:
        return " ".join(sorted(resource.keys() - {"resourceType", "id", "meta"}))

    table = {
        "Observation?_summary=true": ["code status subject"],
        "Observation?_summary=false": ["code note status subject"],
        "Observation?_summary=data": ["code note status subject"],
        "Observation?_elements=note": ["code note status"],
        "Observation?_elements=id": [""],
        "Observation?_summary=true&_include=Observation:subject": ["code status subject", "birthDate"],
        "Observation?_elements=id&_include=Observation:subject": ["", "birthDate maritalStatus"],
        "?_type=Observation,Patient&_elements=note,birthDate&_sort=_id": ["code note status", "birthDate"],
    }
    assert {address: [names(each) for each in await shown_by(server, address)] for address in table} == table
    [id_alone] = await shown_by(server, "Observation?_elements=id&_sort=-date")
    assert id_alone == {"resourceType": "Observation", "id": "o1", "meta": marked}
    [summary] = await shown_by(server, "Observation?_summary=true")
    assert summary["meta"] == marked
    refused = await server.http.get("/fhir/Observation?_summary=text&_include=Observation:subject")
    assert refused.status_code == 400


async def test_ids_alone_are_told_without_reading_a_body(server: Served) -> None:
    await server.http.put("/fhir/Patient/p1", json={"resourceType": "Patient", "id": "p1"})
    async with server.database.transaction() as connection:
        await connection.execute("UPDATE version SET body = $1", b"not JSON")
    answer = (await server.http.get("/fhir/Patient?_elements=id&_count=5")).json()
    assert [(entry["fullUrl"], entry["resource"]["id"]) for entry in answer["entry"]] == [(f"{BASE}/Patient/p1", "p1")]
