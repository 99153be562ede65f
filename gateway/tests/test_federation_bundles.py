"""Batches and transactions over two real owners, beside one server that owns everything."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bedside.gateway.federation.side_by_side import SideBySide, side_by_side

pytestmark = pytest.mark.slow

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]


@pytest.fixture(params=DATABASES)
async def both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SideBySide]:
    async with side_by_side(request.param, tmp_path) as running:
        yield running


def patient(id: str, family: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, "name": [{"family": family}], **elements}


def observation(id: str | None, subject: str, code: str = "hr") -> dict[str, Any]:
    made = {"resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "urn:c", "code": code}]}}
    return {**made, **({"id": id} if id else {}), "subject": {"reference": subject}}


RECORD = [
    patient("p1", "Okafor", identifier=[{"system": "urn:mrn", "value": "1"}]),
    patient("p2", "Novak"),
    patient("p3", "Lee"),
    observation("o1", "Patient/p1"),
    observation("o2", "Patient/p2", code="bp"),
]


def entry(method: str, url: str, resource: dict[str, Any] | None = None, **request: str) -> dict[str, Any]:
    held = {} if resource is None else {"resource": resource}
    return {**held, "request": {"method": method, "url": url, **request}}


def read(url: str) -> dict[str, Any]:
    return entry("GET", url)


async def post(both: SideBySide, kind: str, *entries: dict[str, Any]) -> Any:
    return await both.ask("POST", "", {"resourceType": "Bundle", "type": kind, "entry": list(entries)})


async def post_one(both: SideBySide, kind: str, *entries: dict[str, Any]) -> Any:
    return await both.ask_one("POST", "", {"resourceType": "Bundle", "type": kind, "entry": list(entries)})


def statuses(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["response"]["status"][:3] for each in answer.json()["entry"]]


def found(told: dict[str, Any]) -> list[str]:
    entries = told["resource"].get("entry", [])
    return [f"{each['resource']['resourceType']}/{each['resource']['id']}" for each in entries if "resource" in each]


async def test_every_entry_of_a_batch_is_answered_as_by_one_server_and_in_request_order(both: SideBySide) -> None:
    await both.put(*RECORD)
    entries = [
        entry("GET", "Observation?subject:Patient.name=okafor"),
        entry("DELETE", "Patient/p1"),
        entry("GET", "Patient/p1"),
        entry("HEAD", "Observation/o1"),
        entry("GET", "Patient?_has:Observation:patient:code=bp"),
        entry("GET", "Patient/nobody"),
        entry("PUT", "Patient/p4", patient("p4", "Smith")),
        entry("POST", "Observation", observation(None, "Patient/p1"), ifNoneExist="subject:Patient.name=novak&code=bp"),
        entry("GET", "Patient/p1/Observation"),
        entry("GET", "Observation/o1/_history"),
        entry("GET", "?_type=Patient,Observation&_count=1"),
        entry("GET", "_history?_count=1"),
        entry("DELETE", "Patient/p3"),
        entry("GET", "Observation?subject:Patient.colour=red"),
        entry("POST", "Observation", {"resourceType": "Observation"}),
    ]
    federated, single = await post(both, "batch", *entries), await post_one(both, "batch", *entries)
    told, expected = statuses(federated), statuses(single)
    # One server's bundle does not know the urls of compartments and of everything: here they are requests like others.
    same = [place for place in range(len(entries)) if place not in (8, 9, 10, 11)]
    assert [told[place] for place in same] == [expected[place] for place in same]
    assert [told[place] for place in (8, 9, 10, 11)] == ["200"] * 4
    answers = federated.json()["entry"]
    assert found(answers[0]) == ["Observation/o1"]
    assert found(answers[4]) == ["Patient/p2"]
    assert found(answers[8]) == ["Observation/o1"]
    assert answers[7]["response"]["location"].endswith("/Observation/o2/_history/1")


async def test_a_transaction_may_name_what_it_writes_by_chains_to_another_owner(both: SideBySide) -> None:
    await both.put(*RECORD)
    measured = "_has:Observation:patient:code=bp&name=novak"
    entries = [
        entry("POST", "Observation", observation(None, "Patient/p2"), ifNoneExist="subject:Patient.name=novak"),
        entry("POST", "Observation", observation(None, f"Patient?{measured}", code="new")),
        entry("PUT", "Patient/p4", patient("p4", "Smith")),
    ]
    for answer in (await post(both, "transaction", *entries), await post_one(both, "transaction", *entries)):
        assert statuses(answer) == ["200", "201", "201"]
    made = (await both.ask("GET", "/Observation?code=new")).json()["entry"][0]["resource"]
    assert made["subject"]["reference"] == "Patient/p2"


async def test_reading_entries_see_what_the_transaction_wrote(both: SideBySide) -> None:
    await both.put(*RECORD)
    entries = [
        entry("GET", "Observation?subject:Patient.name=smith"),
        entry("PUT", "Patient/p4", patient("p4", "Smith")),
        entry("PUT", "Observation/o4", observation("o4", "Patient/p4")),
        entry("GET", "Patient/p4"),
    ]
    answer = await post(both, "transaction", *entries)
    assert statuses(answer) == ["200", "201", "201", "200"]
    assert found(answer.json()["entry"][0]) == ["Observation/o4"]


async def test_a_reading_entry_that_cannot_be_answered_refuses_the_whole(both: SideBySide) -> None:
    await both.put(*RECORD)
    entries = [
        entry("PUT", "Patient/p4", patient("p4", "Smith")),
        entry("GET", "Observation?subject:Patient.colour=red"),
    ]
    answer = await post(both, "transaction", *entries)
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (400, ["Bundle.entry[1]"])
    assert (await both.ask("GET", "/Patient/p4")).status_code == 404


async def test_a_transaction_deletes_only_what_nobody_else_refers_to(both: SideBySide) -> None:
    await both.put(*RECORD)
    alone = await post(both, "transaction", entry("DELETE", "Patient/p1"))
    assert (alone.status_code, alone.json()["issue"][0]["expression"]) == (409, ["Bundle.entry[0].request.url"])
    together = await post(both, "transaction", entry("DELETE", "Patient/p1"), entry("DELETE", "Observation/o1"))
    assert statuses(together) == ["204", "204"]


async def test_no_owners_address_is_in_any_answer(both: SideBySide) -> None:
    await both.put(*RECORD)
    answers = [
        await post(
            both, "batch", *(entry("GET", url) for url in ("Patient/p1", "Observation", "_history", "Starship"))
        ),
        await post(both, "transaction", entry("POST", "Patient", patient("x", "New"))),
        await both.ask("GET", "/Observation?subject:Patient.name=okafor&_count=1"),
        await both.ask("GET", "?_count=1"),
        await both.ask("PUT", "/Patient/p9", patient("p9", "Nine")),
        await both.ask("GET", "/Patient/nobody"),
        await both.ask("DELETE", "/Patient/p1"),
        await both.ask("POST", "/Patient", b"{"),
        await both.gateway.http.get("/fhir/metadata"),
    ]
    for answer in answers:
        said = answer.text + str(answer.headers)
        assert "127.0.0.1:8001" not in said
        assert "127.0.0.1:8002" not in said
