"""Entries of every method, in batches and transactions. https://hl7.org/fhir/R4/http.html#transaction"""

import base64
import json
from typing import Any

import pytest

from bedside.fhir.rest.testing import Served

URN = "urn:uuid:6f9619ff-8b86-d011-b42d-00c04fc964ff"
REMOVE = [{"op": "remove", "path": "/active"}]


def entry(method: str, url: str, resource: dict[str, Any] | None = None, full_url: str = "", **request: Any) -> Any:
    made: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        made["resource"] = resource
    if full_url:
        made["fullUrl"] = full_url
    return made


def patient(value: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"value": value}], "active": True, **elements}


def binary(operations: Any, media_type: str = "application/json-patch+json") -> dict[str, Any]:
    data = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"resourceType": "Binary", "contentType": media_type, "data": data}


def replacing(path: str, family: str) -> dict[str, Any]:
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": path},
        {"name": "value", "valueString": family},
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


def statuses(response: Any) -> list[str]:
    return [each["response"]["status"][:3] for each in response.json()["entry"]]


@pytest.mark.parametrize("type_code", ["batch", "transaction"])
async def test_every_method_has_its_entry(server: Served, type_code: str) -> None:
    for value in ("patched", "pathed", "merged", "updated", "deleted", "read"):
        await server.http.put(f"/fhir/Patient/{value}", json=patient(value, id=value, name=[{"family": "Old"}]))
    response = await server.bundle(
        type_code,
        entry("GET", "Patient/read"),
        entry("HEAD", "Patient/read"),
        entry("GET", "Patient/read", ifNoneMatch='W/"1"'),
        entry("GET", "Patient/read", ifModifiedSince="2099-01-01T00:00:00Z"),
        entry("GET", "Patient/read/_history"),
        entry("PATCH", "Patient/patched", binary(REMOVE)),
        entry("PATCH", "Patient?identifier=pathed", replacing("Patient.name[0].family", "New")),
        entry("PATCH", "Patient/merged", binary({"active": None}, "application/merge-patch+json")),
        entry("PUT", "Patient?identifier=updated", patient("updated", active=False)),
        entry("PUT", "Patient?identifier=made", patient("made", id="chosen")),
        entry("DELETE", "Patient?identifier=deleted"),
        entry("DELETE", "Patient?identifier=never-was"),
    )

    assert response.status_code == 200, response.text
    assert statuses(response) == [
        *("200", "200", "304", "304", "200"),
        *("200", "200", "200", "200", "201", "204", "204"),
    ]
    assert "resource" not in response.json()["entry"][1]
    told = {id: (await server.http.get(f"/fhir/Patient/{id}")).json() for id in ("patched", "pathed", "updated")}
    assert "active" not in told["patched"]
    assert told["pathed"]["name"] == [{"family": "New"}]
    assert told["updated"]["active"] is False
    assert (await server.http.get("/fhir/Patient/deleted")).status_code == 410
    assert (await server.http.get("/fhir/Patient/chosen")).status_code == 200


async def test_reads_see_what_the_same_transaction_writes(server: Served) -> None:
    await server.http.put("/fhir/Patient/p", json=patient("p", id="p"))
    response = await server.bundle(
        "transaction", entry("GET", "Patient/p"), entry("PATCH", "Patient/p", binary(REMOVE))
    )

    assert "active" not in response.json()["entry"][0]["resource"]


@pytest.mark.parametrize("type_code", ["batch", "transaction"])
async def test_an_entry_reads_what_a_request_could(server: Served, type_code: str) -> None:
    await server.http.put("/fhir/Patient/p", json=patient("p", id="p"))
    condition = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}}
    await server.http.put("/fhir/Condition/c", json=condition)
    answers: list[Any] = []
    for url in ("Patient/_history", "Patient/p/Condition", "Patient/p/Condition?code=x", "Patient/p/_history/1"):
        response = await server.bundle(type_code, entry("GET", url))
        [told] = response.json()["entry"]
        found = told["resource"]
        answers.append((told["response"]["status"][:3], found.get("type"), len(found.get("entry", ()))))

    assert answers == [("200", "history", 1), ("200", "searchset", 1), ("200", "searchset", 0), ("200", None, 0)]


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", "Patient/_history/1"),
        ("GET", "Patient/p/Condition/_history"),
        ("DELETE", "Patient/p/Condition?code=x"),
        ("DELETE", "Patient/_history"),
        ("GET", "Organization/o/Condition"),
        ("GET", "Patient/p/Condition/c"),
    ],
)
async def test_an_entry_leads_nowhere_that_a_request_does_not(server: Served, method: str, url: str) -> None:
    [told] = (await server.bundle("batch", entry(method, url))).json()["entry"]

    assert told["response"]["status"][:3] in ("400", "404")


async def test_an_account_of_who_did_it_is_not_passed_over(server: Served) -> None:
    sent = {"x-provenance": '{"resourceType":"Provenance"}'}
    refused = await server.http.post("/fhir/Patient", json=patient("p"), headers=sent)

    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (400, "not-supported")
    assert (await server.http.get("/fhir/Patient?_total=accurate", headers=sent)).json()["total"] == 0


async def test_links_and_narratives_follow_the_entries_and_canonicals_do_not(server: Served) -> None:
    condition = {
        "resourceType": "Condition",
        "subject": {"reference": URN},
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{URN}">x</a> {URN}</div>',
        },
        "extension": [
            {"url": "http://example.org/uri", "valueUri": URN},
            {"url": "http://example.org/canonical", "valueCanonical": URN},
            {"url": "http://example.org/other", "valueUri": "urn:uuid:6f9619ff-8b86-d011-b42d-00c04fc964f0"},
        ],
    }
    response = await server.bundle(
        "transaction", entry("POST", "Condition", condition), entry("POST", "Patient", patient("p"), URN)
    )
    stored = (
        await server.http.get(response.json()["entry"][0]["response"]["location"].replace(":8000", ":8001"))
    ).json()
    target = stored["subject"]["reference"]

    assert target.startswith("Patient/")
    assert [each.get("valueUri", each.get("valueCanonical")) for each in stored["extension"]] == [
        target,
        URN,
        "urn:uuid:6f9619ff-8b86-d011-b42d-00c04fc964f0",
    ]
    assert f'<a href="{target}">x</a> {URN}' in stored["text"]["div"]


async def test_a_relative_reference_is_read_beside_the_entrys_own_address(server: Served) -> None:
    encounter = {
        "resourceType": "Encounter",
        "status": "planned",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/7"},
    }
    response = await server.bundle(
        "transaction",
        entry("POST", "Encounter", encounter, "http://elsewhere.example/fhir/Encounter/1"),
        entry("POST", "Patient", patient("p"), "http://elsewhere.example/fhir/Patient/7"),
    )
    assert response.status_code == 200, response.text
    made = response.json()["entry"][1]["response"]["location"].rsplit("/", 3)[1]
    [found] = (await server.http.get(f"/fhir/Encounter?subject=Patient/{made}")).json()["entry"]
    assert found["resource"]["subject"]["reference"] == f"Patient/{made}"


WRONG: dict[str, tuple[list[Any], int, str]] = {
    "two entries that come to mean one resource": (
        [
            entry("PUT", "Patient?identifier=p", patient("p", active=False)),
            entry("PATCH", "Patient/p", binary(REMOVE)),
        ],
        400,
        "Bundle.entry[0].request",
    ),
    "criteria given twice": (
        [entry("DELETE", "Patient?identifier=p"), entry("DELETE", "Patient?identifier=p")],
        400,
        "Bundle.entry[0]",
    ),
    "criteria that match several": (
        [entry("DELETE", "Patient?active=true")],
        412,
        "Bundle.entry[0].request",
    ),
    "a patch of nothing": ([entry("PATCH", "Patient/none", binary(REMOVE))], 404, "Bundle.entry[0]"),
    "a patch that cannot be read": (
        [entry("PATCH", "Patient/p", {**binary(REMOVE), "data": "!"})],
        400,
        "Bundle.entry[0].resource.data",
    ),
    "a patch that is a resource": ([entry("PATCH", "Patient/p", patient("p"))], 400, "Bundle.entry[0].resource"),
    "a patch that fails its test": (
        [entry("PATCH", "Patient/p", binary([{"op": "test", "path": "/active", "value": 1}]))],
        422,
        "Bundle.entry[0].resource",
    ),
    "a result that is not valid": (
        [entry("PATCH", "Patient/p", binary([{"op": "add", "path": "/gender", "value": "banana"}]))],
        400,
        "Bundle.entry[0].resource.gender",
    ),
    "a version that is not current": (
        [entry("PATCH", "Patient/p", binary(REMOVE), ifMatch='W/"9"')],
        412,
        "Bundle.entry[0].request",
    ),
    "the same criteria in two spellings": (
        [
            entry("PUT", "Patient?identifier=urn:s%7Cnew&active=true", patient("new")),
            entry("POST", "Patient", patient("new"), ifNoneExist="active=true&identifier=urn:s|new"),
        ],
        400,
        "Bundle.entry[1]",
    ),
    "a tag to be unlike of": (
        [entry("PUT", "Patient/p", patient("p", id="p", active=False), ifNoneMatch='W/"7"')],
        400,
        "Bundle.entry[0].request.ifNoneMatch",
    ),
    "criteria of a create in an update": (
        [entry("PUT", "Patient/p", patient("p", id="p"), ifNoneExist="identifier=x")],
        400,
        "Bundle.entry[0].request.ifNoneExist",
    ),
    "another word for cascade": (
        [entry("DELETE", "Patient/p?_cascade=all")],
        400,
        "Bundle.entry[0].request.url",
    ),
    "no criteria": ([entry("DELETE", "Patient?")], 400, "Bundle.entry[0].request.url"),
    "another id than the one that matches": (
        [entry("PUT", "Patient?identifier=p", patient("p", id="q"))],
        400,
        "Bundle.entry[0].resource.id",
    ),
}


@pytest.mark.parametrize("name", WRONG)
async def test_one_wrong_entry_refuses_the_transaction_at_its_place(server: Served, name: str) -> None:
    entries, status, place = WRONG[name]
    for id in ("p", "other"):
        await server.http.put(f"/fhir/Patient/{id}", json=patient(id, id=id))
    refused = await server.bundle("transaction", *entries, entry("POST", "Organization", organization()))

    assert refused.status_code == status, refused.text
    assert place in [each for issue in refused.json()["issue"] for each in issue["expression"]]
    found = (await server.http.get("/fhir/Organization?_total=accurate")).json()
    assert found["total"] == 0


def organization() -> dict[str, Any]:
    return {"resourceType": "Organization", "name": "x"}


@pytest.mark.parametrize("type_code", ["batch", "transaction"])
async def test_prefer_says_what_comes_back_of_each_entry(server: Served, type_code: str) -> None:
    seen = {}
    for wish in ("minimal", "representation", "OperationOutcome"):
        await server.http.put("/fhir/Patient/gone", json=patient("gone", id="gone"))
        await server.http.put("/fhir/Patient/p", json=patient("p", id="p", birthDate="1980"))
        response = await server.bundle(
            type_code,
            entry("DELETE", "Patient/gone"),
            entry("PATCH", "Patient/p", binary([{"op": "remove", "path": "/birthDate"}])),
            prefer=f"return={wish}",
        )
        seen[wish] = [
            (each.get("resource", {}).get("id"), [one["details"]["text"] for one in told.get("issue", ())])
            for each in response.json()["entry"]
            for told in (each["response"].get("outcome", {}),)
        ]

    assert seen == {
        "minimal": [(None, []), (None, [])],
        "representation": [(None, []), ("p", [])],
        "OperationOutcome": [(None, ["the resource is deleted"]), (None, ["the resource was stored"])],
    }


async def test_in_a_batch_no_entry_sees_anothers_urn(server: Served) -> None:
    condition = {"resourceType": "Condition", "subject": {"reference": URN}}
    response = await server.bundle(
        "batch", entry("POST", "Patient", patient("p"), URN), entry("POST", "Condition", condition)
    )

    assert statuses(response) == ["201", "422"]
