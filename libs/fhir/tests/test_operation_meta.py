"""`$meta`, `$meta-add`, `$meta-delete`: labels of one resource, and those in use."""

from typing import Any

import pytest

from bedside.fhir.rest.testing import Served

RED = {"system": "http://tags.example", "code": "red"}
BLUE = {"system": "http://tags.example", "code": "blue"}
SECRET = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
PROFILE = "http://example.org/profile"
PATIENT = {"resourceType": "Patient", "id": "p1", "meta": {"tag": [RED], "profile": [PROFILE]}}
VISIT = {"resourceType": "Organization", "id": "o1", "name": "x", "meta": {"tag": [BLUE], "security": [SECRET]}}


async def given(server: Served, *resources: dict[str, Any]) -> None:
    for resource in resources:
        response = await server.http.put(f"/fhir/{resource['resourceType']}/{resource['id']}", json=resource)
        assert response.status_code in (200, 201), response.text


def of(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    (parameter,) = answer.json()["parameter"]
    assert parameter["name"] == "return"
    meta: dict[str, Any] = parameter["valueMeta"]
    return meta


def sent(**meta: Any) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}


async def test_the_labels_of_a_resource_a_type_and_everything_are_told(server: Served) -> None:
    await given(server, PATIENT, VISIT, {"resourceType": "Patient", "id": "p2", "meta": {"tag": [RED]}})
    one = of(await server.http.get("/fhir/Patient/p1/$meta"))
    assert {name: one[name] for name in ("versionId", "tag", "profile")} == {
        "versionId": "1", "tag": [RED], "profile": [PROFILE]
    }  # fmt: skip
    assert of(await server.http.get("/fhir/Patient/$meta")) == {"profile": [PROFILE], "tag": [RED]}
    assert of(await server.http.get("/fhir/$meta")) == {"profile": [PROFILE], "security": [SECRET], "tag": [RED, BLUE]}
    await server.http.delete("/fhir/Organization/o1")
    assert of(await server.http.get("/fhir/$meta")) == {"profile": [PROFILE], "tag": [RED]}


async def test_labels_are_added_once_and_make_a_version(server: Served) -> None:
    await given(server, PATIENT)
    for _ in range(2):
        added = of(
            await server.http.post(
                "/fhir/Patient/p1/$meta-add", json=sent(tag=[RED | {"display": "x"}, BLUE], versionId="9")
            )
        )
        assert (added["versionId"], added["tag"], added["profile"]) == ("2", [RED, BLUE], [PROFILE])
    found = (await server.http.get("/fhir/Patient?_tag=blue")).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["p1"]


async def test_labels_are_taken_away_and_what_was_not_there_is_no_matter(server: Served) -> None:
    await given(server, PATIENT)
    gone = sent(tag=[RED, BLUE], security=[SECRET])
    left = of(await server.http.post("/fhir/Patient/p1/$meta-delete", json=gone))
    assert {name: value for name, value in left.items() if name != "lastUpdated"} == {
        "versionId": "2", "profile": [PROFILE]
    }  # fmt: skip
    assert of(await server.http.post("/fhir/Patient/p1/$meta-delete", json=gone))["versionId"] == "2"


@pytest.mark.parametrize(
    ("method", "address", "body", "status"),
    [
        ("GET", "Patient/none/$meta", None, 404),
        ("POST", "Patient/none/$meta-add", sent(tag=[RED]), 404),
        ("POST", "Patient/p1/$meta-add", None, 400),
        ("GET", "Patient/p1/$meta-add", None, 405),
        ("POST", "Patient/$meta-add", sent(tag=[RED]), 404),
        ("POST", "Patient/p1/$meta-add", sent(tag=RED), 400),
    ],
)
async def test_what_cannot_be_done_is_refused(
    server: Served, method: str, address: str, body: Any, status: int
) -> None:
    await given(server, PATIENT)
    assert (await server.http.request(method, f"/fhir/{address}", json=body)).status_code == status


async def test_labels_are_told_of_what_may_be_read_and_changed_by_who_may_update(server: Served) -> None:
    await given(server, PATIENT, VISIT)
    reader = server.as_caller("system/Patient.r")
    assert of(await server.http.get("/fhir/$meta", headers=reader)) == {"profile": [PROFILE], "tag": [RED]}
    answer = await server.http.post("/fhir/Patient/p1/$meta-add", json=sent(tag=[BLUE]), headers=reader)
    assert answer.status_code == 403
    assert (await server.http.get("/fhir/$meta", headers=server.as_caller("openid"))).status_code == 403
