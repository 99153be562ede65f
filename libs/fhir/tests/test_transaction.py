"""Transactions: everything or nothing, links resolved, all problems at once."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bedside.events.database import Database
from bedside.fhir import exact_json
from bedside.fhir.declaration import Owned, Service
from bedside.fhir.definitions import definitions
from bedside.fhir.rest.testing import BASE, Served, served

SYNTHEA = Path(__file__).parents[4] / "shared" / "data" / "synthea"
PATIENT = {"resourceType": "Patient"}


def entry(method: str, url: str, resource: dict[str, Any] | None = None, full_url: str = "", **request: Any) -> Any:
    made: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        made["resource"] = resource
    if full_url:
        made["fullUrl"] = full_url
    return made


def encounter(subject: str, **elements: Any) -> dict[str, Any]:
    made = {"resourceType": "Encounter", "status": "planned", "class": {"code": "AMB"}}
    return made | {"subject": {"reference": subject}} | elements


def practitioner(value: str) -> dict[str, Any]:
    return {"resourceType": "Practitioner", "identifier": [{"system": "urn:npi", "value": value}]}


def statuses(response: Any) -> list[str]:
    return [each["response"]["status"][:3] for each in response.json()["entry"]]


async def count(server: Served, type_name: str) -> int:
    found: int = (await server.http.get(f"/fhir/{type_name}?_total=accurate&_count=0")).json()["total"]
    return found


async def test_links_between_entries_lead_to_the_ids_they_were_given(server: Served) -> None:
    response = await server.bundle(
        "transaction",
        entry("POST", "Encounter", encounter("urn:uuid:6f9619ff-8b86-d011-b42d-00c04fc964ff")),
        entry("POST", "Patient", PATIENT, "urn:uuid:6f9619ff-8b86-d011-b42d-00c04fc964ff"),
    )
    first, second = (each["response"]["location"] for each in response.json()["entry"])
    assert (response.json()["type"], statuses(response)) == ("transaction-response", ["201", "201"])
    stored = (await server.http.get(first.replace(BASE, "/fhir"))).json()
    assert second.startswith(f"{BASE}/{stored['subject']['reference']}/")


async def test_absolute_links_to_our_own_base_become_relative(server: Served) -> None:
    await server.bundle("transaction", entry("PUT", "Patient/p1", {**PATIENT, "id": "p1"}))
    sent = encounter(f"{BASE}/Patient/p1", id="e1")
    await server.bundle("transaction", entry("PUT", "Encounter/e1", sent))
    assert (await server.http.get("/fhir/Encounter/e1")).json()["subject"] == {"reference": "Patient/p1"}


async def test_the_answer_has_the_order_of_the_request_whatever_is_done_first(server: Served) -> None:
    await server.bundle("transaction", entry("PUT", "Patient/p1", {**PATIENT, "id": "p1"}))
    response = await server.bundle(
        "transaction",
        entry("GET", "Patient/p2"),
        entry("PUT", "Patient/p2", {**PATIENT, "id": "p2"}),
        entry("GET", "Patient?_total=accurate"),
        entry("POST", "Patient", PATIENT),
        entry("DELETE", "Patient/p1"),
    )
    assert statuses(response) == ["200", "201", "200", "201", "204"]
    assert response.json()["entry"][2]["resource"]["total"] == await count(server, "Patient")


@pytest.mark.parametrize("reference", ["Practitioner?identifier=urn:npi|1", "Practitioner?identifier=urn:npi%7C1"])
async def test_a_conditional_reference_becomes_the_one_match(server: Served, reference: str) -> None:
    await server.bundle("transaction", entry("POST", "Practitioner", practitioner("1")))
    sent = {**PATIENT, "id": "p1", "generalPractitioner": [{"reference": reference}]}
    response = await server.bundle("transaction", entry("PUT", "Patient/p1", sent))
    assert statuses(response) == ["201"]
    linked = (await server.http.get("/fhir/Patient/p1")).json()["generalPractitioner"][0]["reference"]
    assert (await server.http.get(f"/fhir/{linked}")).status_code == 200


async def test_a_conditional_reference_may_name_what_the_same_transaction_makes(server: Served) -> None:
    sent = {**PATIENT, "generalPractitioner": [{"reference": "Practitioner?identifier=urn:npi|1"}]}
    response = await server.bundle(
        "transaction", entry("POST", "Patient", sent), entry("POST", "Practitioner", practitioner("1"))
    )
    assert statuses(response) == ["201", "201"]


@pytest.mark.parametrize(("present", "status"), [(0, 422), (2, 412)])
async def test_a_conditional_reference_without_one_match_is_refused_at_its_place(
    server: Served, present: int, status: int
) -> None:
    for _ in range(present):
        await server.bundle("transaction", entry("POST", "Practitioner", practitioner("1")))
    sent = {**PATIENT, "generalPractitioner": [{"reference": "Practitioner?identifier=urn:npi|1"}]}
    response = await server.bundle("transaction", entry("POST", "Patient", PATIENT), entry("POST", "Patient", sent))
    assert response.status_code == status
    places = [issue["expression"] for issue in response.json()["issue"]]
    assert places == [["Bundle.entry[1].resource.generalPractitioner[0]"]]
    assert await count(server, "Patient") == 0


async def test_a_conditional_create_is_linked_to_whichever_resource_it_meant(server: Served) -> None:
    def bundle() -> tuple[Any, ...]:
        made = entry("POST", "Practitioner", practitioner("1"), "urn:uuid:6f9619ff-8b86-d011-b42d-00c04fc964ff",
                     ifNoneExist="identifier=urn:npi|1")  # fmt: skip
        link = {"reference": "urn:uuid:6f9619ff-8b86-d011-b42d-00c04fc964ff"}
        return made, entry("POST", "Patient", {**PATIENT, "generalPractitioner": [link]})

    first = await server.bundle("transaction", *bundle())
    second = await server.bundle("transaction", *bundle())
    assert (statuses(first), statuses(second)) == (["201", "201"], ["200", "201"])
    found = (await server.http.get("/fhir/Patient")).json()["entry"]
    assert len({each["resource"]["generalPractitioner"][0]["reference"] for each in found}) == 1


async def test_versions_that_entries_expect_are_checked(server: Served) -> None:
    resource = {**PATIENT, "id": "p1", "gender": "female"}
    created = await server.bundle("transaction", entry("PUT", "Patient/p1", resource, ifNoneMatch="*"))
    again = await server.bundle("transaction", entry("PUT", "Patient/p1", resource, ifNoneMatch="*"))
    stale = await server.bundle("transaction", entry("PUT", "Patient/p1", resource, ifMatch='W/"9"'))
    assert (created.status_code, again.status_code, stale.status_code) == (200, 412, 412)
    assert again.json()["issue"][0]["expression"] == ["Bundle.entry[0].request"]


@pytest.mark.parametrize(
    "entries",
    [
        (entry("PUT", "Patient/p1", {**PATIENT, "id": "p1"}), entry("DELETE", "Patient/p1")),
        (entry("PUT", "Patient/p1", {**PATIENT, "id": "p1"}), entry("PUT", "Patient/p1", {**PATIENT, "id": "p1"})),
        (
            entry("POST", "Practitioner", practitioner("1"), ifNoneExist="identifier=urn:npi|1"),
            entry("POST", "Practitioner", practitioner("1"), ifNoneExist="identifier=urn:npi|1"),
        ),
    ],
)
async def test_one_identity_twice_is_refused(server: Served, entries: tuple[Any, ...]) -> None:
    response = await server.bundle("transaction", *entries)
    assert response.status_code == 400
    assert [issue["code"] for issue in response.json()["issue"]] == ["duplicate", "duplicate"]


async def test_all_problems_of_all_entries_are_told_and_nothing_is_left_behind(server: Served) -> None:
    response = await server.bundle(
        "transaction",
        entry("POST", "Patient", PATIENT),
        entry("POST", "Patient", {**PATIENT, "gender": "banana"}),
        entry("POST", "Nonsense", {"resourceType": "Nonsense"}),
        entry("PUT", "Patient/p1", {**PATIENT, "id": "p2"}),
        entry("POST", "Patient/p3", PATIENT),
        entry("PATCH", "Patient/p4", PATIENT),
        entry("POST", "Encounter", {"resourceType": "Encounter", "subject": "Patient/p1"}),
    )
    places = {issue["expression"][0] for issue in response.json()["issue"]}
    assert response.status_code == 400
    assert places >= {
        "Bundle.entry[1].resource.gender",
        "Bundle.entry[2].request.url",
        "Bundle.entry[3].resource.id",
        "Bundle.entry[4].request.url",
        "Bundle.entry[5].resource",
        "Bundle.entry[6].resource.subject",
        "Bundle.entry[6].resource.status",
    }
    for table in ("txn", "version", "resource", "mention", "ix_token", "compartment", "outbox"):
        assert await server.database.fetch(f"SELECT * FROM {table}") == [], table


async def test_a_reference_to_nothing_refuses_the_whole(server: Served) -> None:
    response = await server.bundle(
        "transaction",
        entry("POST", "Patient", PATIENT),
        entry("POST", "Encounter", encounter("Patient/nobody")),
        entry("POST", "Encounter", encounter("urn:uuid:00000000-0000-4000-8000-000000000000")),
    )
    told = [(issue["code"], issue["expression"]) for issue in response.json()["issue"]]
    assert response.status_code == 422
    assert told == [
        ("not-found", ["Bundle.entry[1].resource.subject"]),
        ("not-found", ["Bundle.entry[2].resource.subject"]),
    ]
    assert await count(server, "Patient") == 0


async def test_a_read_that_fails_refuses_the_whole(server: Served) -> None:
    response = await server.bundle("transaction", entry("POST", "Patient", PATIENT), entry("GET", "Patient/nobody"))
    assert response.status_code == 404
    assert await count(server, "Patient") == 0


async def test_resource_and_its_only_mention_can_be_deleted_together(server: Served) -> None:
    await server.bundle(
        "transaction",
        entry("PUT", "Patient/p1", {**PATIENT, "id": "p1"}),
        entry("PUT", "Encounter/e1", encounter("Patient/p1", id="e1")),
    )
    alone = await server.bundle("transaction", entry("DELETE", "Patient/p1"))
    together = await server.bundle("transaction", entry("DELETE", "Patient/p1"), entry("DELETE", "Encounter/e1"))
    assert (alone.status_code, together.status_code) == (409, 200)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"resourceType": "Patient"}, 400),
        ({"resourceType": "Bundle"}, 400),
        ({"resourceType": "Bundle", "type": "collection"}, 400),
        ({"resourceType": "Bundle", "type": "transaction", "entry": {}}, 400),
        ({"resourceType": "Bundle", "type": "transaction", "entry": [1]}, 400),
        ({"resourceType": "Bundle", "type": "transaction", "entry": [{}]}, 400),
        ({"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": "POST"}}]}, 400),
        ({"resourceType": "Bundle", "type": "transaction", "entry": [{"request": "POST"}]}, 400),
        ({"resourceType": "Bundle", "type": "transaction", "entry": [entry("POST", "Patient", None)]}, 400),
        ({"resourceType": "Bundle", "type": "transaction", "entry": [entry("PUT", "Patient/1", None, ifMatch=1)]}, 400),
        ({"resourceType": "Bundle", "type": "transaction"}, 200),
    ],
)
async def test_what_is_no_bundle_is_refused(server: Served, body: Any, status: int) -> None:
    response = await server.http.post("/fhir", content=json.dumps(body))
    assert response.status_code == status
    assert response.json()["resourceType"] == ("Bundle" if status == 200 else "OperationOutcome")


async def test_representation_comes_back_when_asked_for(server: Served) -> None:
    response = await server.bundle("transaction", entry("POST", "Patient", PATIENT), prefer="return=representation")
    assert response.json()["entry"][0]["resource"]["meta"]["versionId"] == "1"


@pytest.mark.slow
@pytest.mark.skipif(not SYNTHEA.exists(), reason="the Synthea bundles lie beside the project, not in it")
async def test_every_synthea_resource_is_kept_as_it_was_sent(database: Database) -> None:
    everything = Service("patients", tuple(Owned(name) for name in definitions().resource_types))
    async with served(everything, database) as server:
        sent: Counter[str] = Counter()
        for path in sorted(SYNTHEA.glob("*.json")):
            body = path.read_bytes()
            response = await server.http.post("/fhir", content=body)
            assert response.status_code == 200, response.text[:500]
            for told, asked in zip(response.json()["entry"], exact_json.parse(body)["entry"], strict=True):
                assert told["response"]["status"][0] == "2", told
                stored = await server.http.get(told["response"]["location"].replace(BASE, "/fhir"))
                assert _content(exact_json.parse(stored.content)) == _content(asked["resource"])
                sent[asked["resource"]["resourceType"]] += told["response"]["status"].startswith("201")
        kept = {name: await count(server, name) for name in sent}
    assert kept == dict(sent)


def _content(value: Any, *, top: bool = True) -> Any:
    """Without what the server sets: id, meta's version, and where rewritten references lead. Numbers as written."""
    if isinstance(value, dict):
        kept = {n: _content(v, top=False) for n, v in value.items() if not (top and n == "id") and n != "reference"}
        if top:
            kept["meta"] = {n: v for n, v in kept.get("meta", {}).items() if n not in ("versionId", "lastUpdated")}
        return kept
    if isinstance(value, list):
        return [_content(each, top=False) for each in value]
    return str(value)
