"""`_asOf`: reads and searches as they would have been answered at an instant."""

from collections.abc import AsyncIterator

import pytest

from bedside.events.database import Database
from bedside.fhir.rest.testing import BASE, Served, served

from .conftest import SERVICE
from .given import ManualClock, links, observation, patient, put


@pytest.fixture
async def timed(database: Database) -> AsyncIterator[Served]:
    """p1 on the 1st, changed on the 3rd, deleted on the 5th, back on the 7th; p2 with observations from the 2nd."""
    clock = ManualClock("2026-01-01T12:00:00Z")
    async with served(SERVICE, database, clock=clock) as server:
        await put(server, patient("p1", gender="female"))
        clock.set("2026-01-02T12:00:00Z")
        for resource in (patient("p2"), *(observation(id, "p2") for id in ("o1", "o2", "o3"))):
            await put(server, resource)
        clock.set("2026-01-03T12:00:00Z")
        await put(server, patient("p1", gender="male"))
        await put(server, observation("o1", "p2", status="amended"))
        clock.set("2026-01-05T12:00:00Z")
        await server.http.delete("/fhir/Patient/p1")
        await server.http.delete("/fhir/Observation/o2")
        clock.set("2026-01-07T12:00:00Z")
        await put(server, patient("p1", gender="other"))
        clock.set("2026-01-09T12:00:00Z")
        yield server


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        ("2025-12-31T00:00:00Z", 404),
        ("2026-01-01T11:59:59.999Z", 404),
        ("2026-01-01T12:00:00Z", "female"),
        ("2026-01-01T13:00:00+01:00", "female"),
        ("2026-01-03T11:59:59.999Z", "female"),
        ("2026-01-03T12:00:00.000Z", "male"),
        ("2026-01-05T12:00:00Z", 410),
        ("2026-01-06T00:00:00Z", 410),
        ("2026-01-09T12:00:00Z", "other"),
    ],
)
async def test_a_read_shows_what_was_current_at_the_instant(timed: Served, instant: str, expected: int | str) -> None:
    response = await timed.http.get("/fhir/Patient/p1", params={"_asOf": instant})
    assert (response.json()["gender"] if response.status_code == 200 else response.status_code) == expected


async def test_a_read_of_the_past_names_its_version(timed: Served) -> None:
    response = await timed.http.get("/fhir/Patient/p1?_asOf=2026-01-02T00:00:00Z")
    assert response.headers["etag"] == 'W/"1"'
    known = {"if-none-match": 'W/"1"'}
    again = await timed.http.get("/fhir/Patient/p1?_asOf=2026-01-02T00:00:00Z", headers=known)
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("Observation?patient=p2&_asOf=2026-01-01T13:00:00Z", []),
        ("Observation?patient=p2&_asOf=2026-01-02T13:00:00Z", ["o3", "o2", "o1"]),
        ("Observation?patient=p2&_asOf=2026-01-06T00:00:00Z", ["o1", "o3"]),
        ("Observation?status=final&_asOf=2026-01-02T13:00:00Z", ["o3", "o2", "o1"]),
        ("Observation?status=final&_asOf=2026-01-06T00:00:00Z", ["o3"]),
        ("Patient?gender=female&_asOf=2026-01-02T13:00:00Z", ["p1"]),
        ("Patient?gender=female&_asOf=2026-01-04T00:00:00Z", []),
        ("Patient?_asOf=2026-01-06T00:00:00Z", ["p2"]),
        ("Observation?subject:Patient.name=okafor&_sort=_id&_asOf=2026-01-04T00:00:00Z", ["o1", "o2", "o3"]),
    ],
)
async def test_a_search_finds_what_was_current_at_the_instant(timed: Served, asked: str, expected: list[str]) -> None:
    bundle = (await timed.http.get(f"/fhir/{asked}")).json()
    assert [entry["resource"]["id"] for entry in bundle.get("entry", [])] == expected


async def test_totals_and_includes_are_of_the_same_instant(timed: Served) -> None:
    await put(timed, patient("p2", gender="male"))
    asked = "Observation?_count=1&_total=accurate&_include=Observation:subject&_asOf=2026-01-02T13:00:00Z"
    bundle = (await timed.http.get(f"/fhir/{asked}")).json()
    versions = [(e["resource"]["id"], e["resource"]["meta"]["versionId"]) for e in bundle["entry"]]
    assert (bundle["total"], versions) == (3, [("o3", "1"), ("p2", "1")])


async def test_the_instant_stands_in_the_links_and_a_page_opens_for_no_other(timed: Served) -> None:
    asked = "/fhir/Observation?patient=p2&_count=2&_asOf=2026-01-02T13:00:00Z"
    first = (await timed.http.get(asked)).json()
    assert "_asOf=2026-01-02T13:00:00Z" in links(first)["self"]
    following = links(first)["next"].replace(BASE, "/fhir")
    assert "_asOf=2026-01-02T13:00:00Z" in following
    second = (await timed.http.get(following)).json()
    assert [entry["resource"]["id"] for entry in second["entry"]] == ["o1"]
    moved = following.replace("_asOf=2026-01-02", "_asOf=2026-01-03")
    assert (await timed.http.get(moved)).status_code == 400


async def test_a_search_by_post_and_a_bundle_look_back_too(timed: Served) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    posted = await timed.http.post("/fhir/Patient/_search", content="_id=p1&_asOf=2026-01-02T00:00:00Z", headers=form)
    assert [entry["resource"]["gender"] for entry in posted.json()["entry"]] == ["female"]
    entry = {"request": {"method": "GET", "url": "Patient/p1?_asOf=2026-01-02T00:00:00Z"}}
    answer = (await timed.bundle("batch", entry)).json()["entry"][0]
    assert answer["resource"]["gender"] == "female"


@pytest.mark.parametrize(
    "value",
    [
        "", "soon", "2026", "2026-01-01", "2026-01-01T10:00Z", "2026-02-30T10:00:00Z", "2026-01-01T10:00:00",
        "2026-01-01T10:00:00.000", "2027-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-01-01T00:00:00Z'--",
        "ge2026-01-01T00:00:00Z", "1" * 5000, "2026-01-01T00:00:00Z&_asOf=2026-01-01T00:00:00Z", "%00",
        "２０２６-01-01T00:00:00Z",
    ],
)  # fmt: skip
async def test_an_instant_that_is_none_or_still_to_come_is_refused(timed: Served, value: str) -> None:
    for address in ("Patient/p1", "Patient"):
        response = await timed.http.get(f"/fhir/{address}?_asOf={value}")
        assert (response.status_code, response.json()["resourceType"]) == (400, "OperationOutcome"), address
        assert "_asOf" in response.json()["issue"][0]["details"]["text"]


async def test_a_read_refuses_a_parameter_that_it_does_not_have(timed: Served) -> None:
    response = await timed.http.get("/fhir/Patient/p1?_asof=2026-01-02T00:00:00Z")
    assert response.status_code == 400
    lenient = await timed.http.get("/fhir/Patient/p1?colour=blue", headers={"prefer": "handling=lenient"})
    assert lenient.status_code == 200


async def test_what_lay_in_another_compartment_then_is_not_shown(timed: Served) -> None:
    await put(timed, patient("p3"))
    await put(timed, observation("o3", "p3"))
    caller = timed.as_caller("patient/*.rs", patient="p3", roles=["patient"])
    then = "_asOf=2026-01-04T00:00:00Z"
    statuses = [
        (await timed.http.get(f"/fhir/Observation/o3{query}", headers=caller)).status_code for query in ("", f"?{then}")
    ]
    assert statuses == [200, 404]
    assert "entry" not in (await timed.http.get(f"/fhir/Observation?{then}", headers=caller)).json()


async def test_the_clock_of_transactions_never_goes_back(database: Database) -> None:
    clock = ManualClock("2026-01-02T12:00:00Z")
    async with served(SERVICE, database, clock=clock) as server:
        await put(server, patient("p1"))
        clock.set("2026-01-01T12:00:00Z")
        await put(server, patient("p2"))
        clock.set("2026-01-03T12:00:00Z")
        before = await server.http.get("/fhir/Patient?_asOf=2026-01-02T11:00:00Z")
        after = await server.http.get("/fhir/Patient?_asOf=2026-01-02T12:00:00Z")
    assert "entry" not in before.json()
    assert [entry["resource"]["id"] for entry in after.json()["entry"]] == ["p2", "p1"]


async def test_the_statement_tells_of_it(server: Served) -> None:
    assert "_asOf" in (await server.http.get("/fhir/metadata")).json()["rest"][0]["documentation"]
