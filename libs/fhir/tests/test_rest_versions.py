"""read, vread, history and deletion, as clients see them."""

from typing import Any

import pytest

from bedside.fhir.rest.testing import BASE, Served


def patient(id: str = "p1", **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, "name": [{"family": "Okafor"}], **elements}


async def put(server: Served, resource: dict[str, Any], **headers: str) -> Any:
    address = f"/fhir/{resource['resourceType']}/{resource['id']}"
    return await server.http.put(address, json=resource, headers=headers)


async def test_a_created_resource_is_answered_with_its_place_and_version(server: Served) -> None:
    created = await server.http.post("/fhir/Patient", json={"resourceType": "Patient", "gender": "female"})
    body = created.json()
    assert created.status_code == 201
    assert created.headers["location"] == f"{BASE}/Patient/{body['id']}/_history/1"
    assert created.headers["etag"] == 'W/"1"'
    assert (body["gender"], body["meta"]["versionId"]) == ("female", "1")


async def test_what_was_sent_is_what_is_read_decimals_and_element_order_included(server: Served) -> None:
    sent = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"weight"},'
        b'"valueQuantity":{"value":105.00,"unit":"kg"},"id":"o1"}'
    )
    await server.http.put("/fhir/Observation/o1", content=sent)
    read = await server.http.get("/fhir/Observation/o1")
    assert b'"valueQuantity":{"value":105.00,"unit":"kg"}' in read.content
    assert list(read.json())[-2:] == ["code", "valueQuantity"]


async def test_meta_that_the_client_sends_is_kept_beside_ours(server: Served) -> None:
    await put(server, patient(meta={"profile": ["http://example.org/p"], "versionId": "77"}))
    meta = (await server.http.get("/fhir/Patient/p1")).json()["meta"]
    assert meta["profile"] == ["http://example.org/p"]
    assert meta["versionId"] == "1"


async def test_an_update_creates_where_nothing_is(server: Served) -> None:
    assert (await put(server, patient())).status_code == 201
    assert (await put(server, patient(gender="female"))).status_code == 200


async def test_equal_content_makes_no_version(server: Served) -> None:
    await put(server, patient(gender="female"))
    again = await put(server, dict(reversed(patient(gender="female").items())))
    assert (again.status_code, again.headers["etag"]) == (200, 'W/"1"')


async def test_another_precision_is_another_content(server: Served) -> None:
    body = '{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"t"},"valueQuantity":{"value":%s}}'
    await server.http.put("/fhir/Observation/o1", content=body % "1.5")
    again = await server.http.put("/fhir/Observation/o1", content=body % "1.50")
    assert again.headers["etag"] == 'W/"2"'


async def test_every_version_stays_readable(server: Served) -> None:
    await put(server, patient(gender="female"))
    await put(server, patient(gender="male"))
    first = await server.http.get("/fhir/Patient/p1/_history/1")
    second = await server.http.get("/fhir/Patient/p1/_history/2")
    assert (first.json()["gender"], second.json()["gender"]) == ("female", "male")
    assert (await server.http.get("/fhir/Patient/p1/_history/3")).status_code == 404


async def test_a_client_that_has_the_version_is_told_so(server: Served) -> None:
    read = await put(server, patient())
    known = {"if-none-match": read.headers["etag"]}
    assert (await server.http.get("/fhir/Patient/p1", headers=known)).status_code == 304
    dated = {"if-modified-since": read.headers["last-modified"]}
    assert (await server.http.get("/fhir/Patient/p1", headers=dated)).status_code == 304
    assert (await server.http.get("/fhir/Patient/p1", headers={"if-none-match": 'W/"9"'})).status_code == 200


async def test_a_deleted_resource_is_gone_and_its_past_is_not(server: Served) -> None:
    await put(server, patient())
    deleted = await server.http.delete("/fhir/Patient/p1")
    again = await server.http.delete("/fhir/Patient/p1")
    assert (deleted.status_code, again.status_code) == (204, 204)
    assert (await server.http.get("/fhir/Patient/p1")).status_code == 410
    assert (await server.http.get("/fhir/Patient/p1/_history/2")).status_code == 410
    assert (await server.http.get("/fhir/Patient/p1/_history/1")).status_code == 200


async def test_a_deleted_resource_can_return(server: Served) -> None:
    await put(server, patient())
    await server.http.delete("/fhir/Patient/p1")
    returned = await put(server, patient())
    assert (returned.status_code, returned.headers["etag"]) == (201, 'W/"3"')
    assert (await server.http.get("/fhir/Patient/p1")).status_code == 200


async def test_deleting_what_never_was_is_no_error(server: Served) -> None:
    assert (await server.http.delete("/fhir/Patient/nobody")).status_code == 204
    assert (await server.http.get("/fhir/Patient/nobody")).status_code == 404


async def test_what_others_refer_to_is_not_deleted(server: Served) -> None:
    await put(server, patient())
    encounter = {
        "resourceType": "Encounter", "id": "e1", "status": "planned", "subject": {"reference": "Patient/p1"},
        "class": {"code": "AMB"},
    }  # fmt: skip
    assert (await put(server, encounter)).status_code == 201
    assert (await server.http.delete("/fhir/Patient/p1")).status_code == 409
    await server.http.delete("/fhir/Encounter/e1")
    assert (await server.http.delete("/fhir/Patient/p1")).status_code == 204


async def test_head_answers_as_get(server: Served) -> None:
    await put(server, patient())
    head = await server.http.head("/fhir/Patient/p1")
    assert (head.status_code, head.headers["etag"]) == (200, 'W/"1"')


async def test_prefer_says_what_comes_back(server: Served) -> None:
    minimal = await put(server, patient(), prefer="return=minimal")
    told = await put(server, patient(gender="male"), prefer="return=OperationOutcome")
    assert (minimal.status_code, minimal.content) == (201, b"")
    assert told.json()["resourceType"] == "OperationOutcome"


async def test_pretty_and_format_shape_the_answer(server: Served) -> None:
    await put(server, patient())
    pretty = await server.http.get("/fhir/Patient/p1?_pretty=true&_format=json", headers={"accept": "text/html"})
    assert pretty.status_code == 200
    assert pretty.content.startswith(b'{\n  "resourceType"')


@pytest.mark.parametrize(
    ("query", "elements"),
    [
        ("_summary=true", {"resourceType", "id", "meta", "name", "gender"}),
        ("_summary=data", {"resourceType", "id", "meta", "name", "gender", "maritalStatus"}),
        ("_summary=false", {"resourceType", "id", "meta", "text", "name", "gender", "maritalStatus"}),
        ("_elements=gender", {"resourceType", "id", "meta", "gender"}),
        ("_elements=gender&_format=json", {"resourceType", "id", "meta", "gender"}),
    ],
)
async def test_a_read_shows_a_part_where_that_is_asked_for(server: Served, query: str, elements: set[str]) -> None:
    text = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
    await put(server, patient(text=text, gender="male", maritalStatus={"text": "x"}))
    read = await server.http.get(f"/fhir/Patient/p1?{query}")
    assert set(read.json()) == elements
    assert read.headers["etag"] == 'W/"1"'
    is_part = any(tag["code"] == "SUBSETTED" for tag in read.json()["meta"].get("tag", []))
    assert is_part == ("false" not in query)


@pytest.mark.parametrize("query", ["_summary=count", "_summary=x", "_elements=", "_elements=shoeSize", "name=x"])
async def test_a_read_refuses_a_part_that_is_none(server: Served, query: str) -> None:
    await put(server, patient())
    assert (await server.http.get(f"/fhir/Patient/p1?{query}")).status_code == 400
