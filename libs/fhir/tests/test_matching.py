"""What one owner tells another's search: ids of matches, or of what they refer to. On both databases."""

from typing import Any

import pytest

from bedside.fhir.rest.testing import Served
from bedside.fhir.search import matching


async def ask(server: Served, *searches: dict[str, Any], scope: str = "", **asked: Any) -> Any:
    headers = server.as_caller(scope, **asked.pop("claims", {})) if scope else {}
    return await server.http.post("/internal/matching", json={"searches": list(searches), **asked}, headers=headers)


async def put(server: Served, **patients: str) -> None:
    for id, family in patients.items():
        resource = {"resourceType": "Patient", "id": id, "name": [{"family": family}]}
        assert (await server.http.put(f"/fhir/Patient/{id}", json=resource)).status_code in (200, 201)


async def observe(server: Served, id: str, of: str) -> None:
    resource = {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"}}
    sent = resource | {"subject": {"reference": of}}
    assert (await server.http.put(f"/fhir/Observation/{id}", json=sent)).status_code == 201


NAMED = {"type": "Patient", "criteria": [["name", "okafor"]]}
OBSERVED = {"type": "Observation", "criteria": [], "referred": {"by": "patient", "target": "Patient"}}


async def test_several_searches_are_answered_in_their_order_with_the_snapshot_they_share(server: Served) -> None:
    await put(server, p1="Okafor", p2="Okafor", p3="Novak")
    await observe(server, "o1", "Patient/p3")
    await observe(server, "o2", "Patient/p3")
    answer = (await ask(server, NAMED, OBSERVED)).json()
    assert answer["found"] == [{"ids": ["p1", "p2"], "complete": True}, {"ids": ["p3"], "complete": True}]
    assert type(answer["snapshot"]) is int


async def test_a_later_question_at_that_snapshot_hears_the_same(server: Served) -> None:
    await put(server, p1="Okafor", p2="Novak")
    await observe(server, "o1", "Patient/p1")
    first = (await ask(server, NAMED, OBSERVED)).json()
    await put(server, p1="Smith", p2="Okafor")
    await server.http.delete("/fhir/Observation/o1")
    assert (await ask(server, NAMED, OBSERVED, snapshot=first["snapshot"])).json() == first
    assert (await ask(server, NAMED, OBSERVED)).json()["found"] == [
        {"ids": ["p2"], "complete": True},
        {"ids": [], "complete": True},
    ]


async def test_more_than_the_bound_is_marked(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bedside.fhir.rest.matching.FOUND_MAX", 1)
    monkeypatch.setattr(matching, "FOUND_MAX", 1)
    await put(server, p1="Okafor", p2="Okafor")
    [found] = (await ask(server, NAMED)).json()["found"]
    assert (len(found["ids"]), found["complete"]) == (1, False)


async def test_a_caller_confined_to_a_patient_hears_of_nobody_else(server: Served) -> None:
    await put(server, p1="Okafor", p2="Okafor")
    await observe(server, "o1", "Patient/p1")
    await observe(server, "o2", "Patient/p2")
    answer = await ask(server, NAMED, OBSERVED, scope="patient/*.rs", claims={"patient": "p2"})
    assert [found["ids"] for found in answer.json()["found"]] == [["p2"], ["p2"]]


async def test_without_the_scope_to_search_the_type_nothing_is_told(server: Served) -> None:
    assert (await ask(server, NAMED, scope="system/Observation.rs")).status_code == 403
    assert (await ask(server, NAMED, OBSERVED, scope="system/Patient.rs")).status_code == 403
    assert (await ask(server, NAMED, scope="system/Patient.s")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"searches": {}}',
        b'{"searches": [1]}',
        b'{"searches": [{"type": "Patient"}]}',
        b'{"searches": [{"type": "Patient", "criteria": [["name"]]}]}',
        b'{"searches": [{"type": "Patient", "criteria": [[1, 2]]}]}',
        b'{"searches": [{"type": "Patient", "criteria": [], "referred": {"by": "link"}}]}',
        b'{"searches": [{"type": "Patient", "criteria": [], "referred": {"by": "name", "target": "Patient"}}]}',
        b'{"searches": [{"type": "Patient", "criteria": [["colour", "red"]]}]}',
        b'{"searches": [], "snapshot": "1"}',
        b'{"searches": [], "snapshot": -1}',
        b'{"searches": [], "snapshot": true}',
        b'{"searches": [], "snapshot": 18446744073709551616}',
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(server: Served, body: bytes) -> None:
    answer = await server.http.post("/internal/matching", content=body)
    assert (answer.status_code, answer.json()["resourceType"]) == (400, "OperationOutcome")


async def test_a_type_of_another_service_is_not_searched_here(server: Served) -> None:
    assert (await ask(server, {"type": "Task", "criteria": []})).status_code == 404
