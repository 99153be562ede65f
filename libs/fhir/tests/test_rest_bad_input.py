"""Whatever is sent, the answer has the right status and an outcome that names the place."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from bedside.events.database import Database
from bedside.fhir.declaration import Owned, Service
from bedside.fhir.outcome import Issue
from bedside.fhir.rest.testing import Served, served

FHIR = "application/fhir+json"


def outcome_of(response: Any) -> list[tuple[str, list[str]]]:
    body = response.json()
    assert body["resourceType"] == "OperationOutcome"
    return [(issue["code"], issue.get("expression", [])) for issue in body["issue"]]


@pytest.mark.parametrize(
    ("sent", "status", "place"),
    [
        (b'{"resourceType":"Patient"', 400, None),
        (b"[]", 400, None),
        (b'"Patient"', 400, None),
        (b"", 400, None),
        (b'{"resourceType":"Patient","gender":"female","gender":"male"}', 400, None),
        (b"[" * 1000 + b"]" * 1000, 400, None),
        (b'{"resourceType":"Patient","x":' + b'{"a":' * 1000 + b"1" + b"}" * 1001, 400, None),
        (b'{"resourceType":"Patient","name":NaN}', 400, None),
        (b'\xff\xfe{"resourceType":"Patient"}', 400, None),
        (b'{"resourceType":"Observation","status":"final","code":{"text":"x"}}', 400, "Patient.resourceType"),
        (b'{"gender":"female"}', 400, "Patient.resourceType"),
        (b'{"resourceType":"Patient","surname":"x"}', 400, "Patient.surname"),
        (b'{"resourceType":"Patient","gender":"banana"}', 400, "Patient.gender"),
        (b'{"resourceType":"Patient","active":"true"}', 400, "Patient.active"),
        (b'{"resourceType":"Patient","birthDate":"1980-13-01"}', 400, "Patient.birthDate"),
        (b'{"resourceType":"Patient","name":{"family":"x"}}', 400, "Patient.name"),
        (b'{"resourceType":"Patient","link":[{"type":"seealso"}]}', 400, "Patient.link[0].other"),
        (
            b'{"resourceType":"Patient","managingOrganization":{"reference":"Organization/none"}}',
            422,
            "Patient.managingOrganization",
        ),
        (
            b'{"resourceType":"Patient","generalPractitioner":[{"reference":"Practitioner?identifier=nobody"}]}',
            422,
            "Patient.generalPractitioner[0]",
        ),
    ],
)
async def test_a_body_that_is_wrong_is_refused_with_its_place(
    server: Served, sent: bytes, status: int, place: str | None
) -> None:
    response = await server.http.post("/fhir/Patient", content=sent)
    issues = outcome_of(response)
    assert response.status_code == status
    if place is not None:
        assert [place] in [expression for _, expression in issues]
    assert await server.told() == []


async def test_all_problems_are_told_at_once(server: Served) -> None:
    sent = {"resourceType": "Patient", "gender": "banana", "birthDate": "1980-02-30", "surname": "x"}
    response = await server.http.post("/fhir/Patient", json=sent)
    places = {expression[0] for _, expression in outcome_of(response)}
    assert places == {"Patient.gender", "Patient.birthDate", "Patient.surname"}


@pytest.mark.parametrize(
    ("method", "address", "headers", "status"),
    [
        ("GET", "/fhir/Nonsense/1", {}, 404),
        ("GET", "/fhir/Procedure/1", {}, 404),
        ("GET", "/fhir/Patient/none", {}, 404),
        ("GET", "/fhir/Patient/none/_history", {}, 404),
        ("GET", "/fhir/Patient/none/_history/x", {}, 404),
        ("GET", "/fhir/Patient/$nothing", {}, 404),
        ("GET", "/nowhere", {}, 404),
        ("PUT", "/fhir", {}, 405),
        ("PATCH", "/fhir/Patient/1", {"content-type": "text/plain"}, 415),
        ("DELETE", "/fhir/Patient", {}, 412),
        ("DELETE", "/fhir", {}, 405),
        ("GET", "/fhir/Patient?favourite=blue", {}, 400),
        ("GET", "/fhir/Patient?birthdate=yesterday", {}, 400),
        ("GET", "/fhir/Patient?_count=many", {}, 400),
        ("GET", "/fhir/Patient?_page=abc", {}, 400),
        ("GET", "/fhir/Patient?name=%ff", {}, 400),
        ("GET", "/fhir/Patient/1", {"accept": "application/fhir+xml"}, 406),
        ("GET", "/fhir/Patient/1?_format=xml", {}, 406),
        ("POST", "/fhir/Patient", {"content-type": "text/plain"}, 415),
        ("POST", "/fhir", {"content-type": "application/fhir+xml"}, 415),
        ("GET", "/fhir/Patient/1", {"authorization": "Bearer nonsense"}, 401),
        ("GET", "/fhir/Patient/1", {"authorization": "Basic YTpi"}, 401),
        ("DELETE", "/fhir/Patient/1", {"if-match": "soon"}, 400),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(
    server: Served, method: str, address: str, headers: dict[str, str], status: int
) -> None:
    response = await server.http.request(method, address, headers=headers, content=b"{}" if method == "POST" else None)
    assert response.status_code == status
    assert outcome_of(response)


async def test_an_unknown_parameter_is_named_with_the_nearest(server: Served) -> None:
    response = await server.http.get("/fhir/Patient?brithdate=2001")
    text = response.json()["issue"][0]["details"]["text"]
    assert "brithdate" in text
    assert "birthdate" in text


async def test_valid_fhir_that_the_models_cannot_hold_is_refused_not_broken(database: Database) -> None:
    def agreeable(_: Any) -> Iterator[Issue]:
        return iter(())

    strict = Service("patients", (Owned("Patient", rules=(agreeable,)),))
    async with served(strict, database) as server:
        sent = {"resourceType": "Patient", "deceasedDateTime": "2016-12-31T23:59:60Z"}
        assert (await server.http.post("/fhir/Patient", json=sent)).status_code in (201, 422)


async def test_an_id_unlike_the_address_is_refused(server: Served) -> None:
    response = await server.http.put("/fhir/Patient/p1", json={"resourceType": "Patient", "id": "p2"})
    assert response.status_code == 400
    assert outcome_of(response) == [("value", ["Patient.id"])]


async def test_a_body_too_large_is_refused_before_it_was_read(server: Served) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b" " * 1_000_000

    response = await server.http.post("/fhir", content=endless(), headers={"content-type": FHIR})
    assert response.status_code == 413
    assert outcome_of(response) == [("too-long", [])]
    announced = await server.http.post("/fhir", content=b"{}", headers={"content-length": "100000000"})
    assert announced.status_code == 413


async def test_a_stale_version_is_not_overwritten(server: Served) -> None:
    await server.http.put("/fhir/Patient/p1", json={"resourceType": "Patient", "id": "p1"})
    sent = {"resourceType": "Patient", "id": "p1", "gender": "male"}
    stale = await server.http.put("/fhir/Patient/p1", json=sent, headers={"if-match": 'W/"7"'})
    fresh = await server.http.put("/fhir/Patient/p1", json=sent, headers={"if-match": 'W/"1"'})
    assert (stale.status_code, fresh.status_code) == (412, 200)


async def test_create_only_refuses_where_something_is(server: Served) -> None:
    sent = {"resourceType": "Patient", "id": "p1"}
    first = await server.http.put("/fhir/Patient/p1", json=sent, headers={"if-none-match": "*"})
    second = await server.http.put("/fhir/Patient/p1", json=sent, headers={"if-none-match": "*"})
    assert (first.status_code, second.status_code) == (201, 412)


async def test_a_conditional_create_finds_makes_or_refuses(server: Served) -> None:
    sent = {"resourceType": "Patient", "identifier": [{"system": "urn:mrn", "value": "7"}]}
    criteria = {"if-none-exist": "identifier=urn:mrn|7"}
    made = await server.http.post("/fhir/Patient", json=sent, headers=criteria)
    found = await server.http.post("/fhir/Patient", json=sent, headers=criteria)
    assert (made.status_code, found.status_code) == (201, 200)
    assert made.json()["id"] == found.json()["id"]
    await server.http.post("/fhir/Patient", json=sent)
    several = await server.http.post("/fhir/Patient", json=sent, headers=criteria)
    assert several.status_code == 412
