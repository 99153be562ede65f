"""Histories of a resource, a type and a service, and the pages in which they come."""

from pathlib import Path
from typing import Any

import pytest

from bedside.events.database import Database
from bedside.fhir.history.asked import asked
from bedside.fhir.history.running import Place, run
from bedside.fhir.rest.testing import BASE, Served, served
from bedside.fhir.search.purview import UNCONFINED, Purview, of_patient
from bedside.fhir.store.testing import fresh_database

from .conftest import SERVICE
from .given import ManualClock, links, observation, patient, put


def told(bundle: dict[str, Any]) -> list[tuple[str, str]]:
    """(method and address, ETag) of each entry."""
    return [
        (f"{entry['request']['method']} {entry['request']['url']}", entry["response"]["etag"])
        for entry in bundle.get("entry", [])
    ]


async def get(server: Served, address: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    response = await server.http.get(address.replace(BASE, "/fhir"), headers=headers)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def all_pages(server: Served, address: str) -> list[tuple[str, str]]:
    seen: list[tuple[str, str]] = []
    following: str | None = address
    while following:
        page = await get(server, following)
        seen += told(page)
        following = links(page).get("next")
    return seen


async def test_a_resources_history_shows_every_version_newest_first(server: Served) -> None:
    await put(server, patient(gender="female"))
    await put(server, patient(gender="male"))
    await server.http.delete("/fhir/Patient/p1")
    history = await get(server, "/fhir/Patient/p1/_history")
    assert (history["type"], history["total"]) == ("history", 3)
    assert told(history) == [("DELETE Patient/p1", 'W/"3"'), ("PUT Patient/p1", 'W/"2"'), ("POST Patient", 'W/"1"')]
    assert [entry["response"]["status"] for entry in history["entry"]] == ["204 No Content", "200 OK", "201 Created"]
    assert [entry.get("resource", {}).get("gender") for entry in history["entry"]] == [None, "male", "female"]
    assert [entry["fullUrl"] for entry in history["entry"]] == [f"{BASE}/Patient/p1"] * 3
    newest = history["entry"][1]
    assert newest["response"]["lastModified"] == newest["resource"]["meta"]["lastUpdated"]


async def test_a_types_history_shows_all_of_that_type_and_nothing_else(server: Served) -> None:
    for resource in (patient("p1"), patient("p2"), observation("o1", "p1"), patient("p1", gender="male")):
        await put(server, resource)
    await server.http.delete("/fhir/Patient/p2")
    assert told(await get(server, "/fhir/Patient/_history")) == [
        ("DELETE Patient/p2", 'W/"2"'),
        ("PUT Patient/p1", 'W/"2"'),
        ("POST Patient", 'W/"1"'),
        ("POST Patient", 'W/"1"'),
    ]


async def test_the_services_history_shows_everything_in_the_order_of_its_making(server: Served) -> None:
    for resource in (patient("p1"), observation("o1", "p1"), patient("p1", gender="male")):
        await put(server, resource)
    history = await get(server, "/fhir/_history")
    assert told(history) == [("PUT Patient/p1", 'W/"2"'), ("POST Observation", 'W/"1"'), ("POST Patient", 'W/"1"')]
    assert history["total"] == 3


async def test_a_history_is_a_valid_bundle(server: Served) -> None:
    from bedside.fhir import exact_json
    from bedside.fhir.validation import validate

    await put(server, patient())
    await server.http.delete("/fhir/Patient/p1")
    for address in ("/fhir/_history", "/fhir/Patient/_history", "/fhir/Patient/p1/_history?_count=1"):
        assert validate(exact_json.parse((await server.http.get(address)).content)) == [], address


@pytest.mark.parametrize("address", ["/fhir/Patient/p1/_history", "/fhir/Patient/_history", "/fhir/_history"])
async def test_pages_hold_every_version_once_whatever_is_written_meanwhile(server: Served, address: str) -> None:
    for year in range(2000, 2005):
        await put(server, patient(birthDate=str(year)))
    first = await get(server, f"{address}?_count=2")
    await put(server, patient(birthDate="2010"))
    await server.http.delete("/fhir/Patient/p1")
    rest = await all_pages(server, links(first)["next"])
    assert [etag for _, etag in told(first) + rest] == ['W/"5"', 'W/"4"', 'W/"3"', 'W/"2"', 'W/"1"']
    assert len(told(await get(server, f"{address}?_count=10"))) == 7


async def test_the_total_is_told_where_it_is_known_without_counting(server: Served) -> None:
    for year in range(2000, 2003):
        await put(server, patient(birthDate=str(year)))
    totals = {}
    for address in (
        "Patient/p1/_history?_count=1",
        "Patient/_history",
        "Patient/_history?_count=1",
        "_history?_count=0",
    ):
        totals[address] = (await get(server, f"/fhir/{address}")).get("total")
    assert totals == {
        "Patient/p1/_history?_count=1": 3,
        "Patient/_history": 3,
        "Patient/_history?_count=1": None,
        "_history?_count=0": None,
    }


async def test_a_page_opens_for_its_own_history_and_caller_only(server: Served) -> None:
    for year in range(2000, 2003):
        await put(server, patient(birthDate=str(year)))
    following = links(await get(server, "/fhir/Patient/p1/_history?_count=1"))["next"].replace(BASE, "/fhir")
    refused = {
        "another count": await server.http.get(following.replace("_count=1", "_count=2")),
        "another history": await server.http.get(following.replace("/p1/", "/")),
        "another caller": await server.http.get(following, headers=server.as_caller("system/*.rs", sub="somebody")),
        "a search": await server.http.get(following.replace("/p1/_history", "")),
        "nonsense": await server.http.get("/fhir/_history?_page=nonsense"),
    }
    assert {name: response.status_code for name, response in refused.items()} == dict.fromkeys(refused, 400)
    assert (await server.http.get(following)).status_code == 200


@pytest.fixture
async def timed(database: Database) -> Any:
    """p1 on the 1st, changed on the 3rd, deleted on the 5th; p2 on the 2nd."""
    clock = ManualClock("2026-01-01T12:00:00Z")
    async with served(SERVICE, database, clock=clock) as server:
        await put(server, patient("p1", gender="female"))
        clock.set("2026-01-02T12:00:00Z")
        await put(server, patient("p2"))
        clock.set("2026-01-03T12:00:00Z")
        await put(server, patient("p1", gender="male"))
        clock.set("2026-01-05T12:00:00Z")
        await server.http.delete("/fhir/Patient/p1")
        clock.set("2026-01-09T12:00:00Z")
        yield server


P1_MADE, P2_MADE = ("POST Patient", 'W/"1"'), ("POST Patient", 'W/"1"')
P1_CHANGED, P1_DELETED = ("PUT Patient/p1", 'W/"2"'), ("DELETE Patient/p1", 'W/"3"')


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Patient/p1/_history?_since=2026-01-03T12:00:00Z", [P1_DELETED, P1_CHANGED]),
        ("Patient/p1/_history?_since=2026-01-03T12:00:00.001Z", [P1_DELETED]),
        ("Patient/p1/_history?_since=2026-01-03T13:00:00%2B01:00", [P1_DELETED, P1_CHANGED]),
        ("Patient/p1/_history?_since=2026-02-01T00:00:00Z", []),
        ("Patient/_history?_since=2026-01-02T00:00:00Z", [P1_DELETED, P1_CHANGED, P2_MADE]),
        ("_history?_since=2026-01-04T00:00:00Z", [P1_DELETED]),
        ("_history?_since=2026-02-01T00:00:00Z", []),
        ("Patient/p1/_history?_at=2026-01-01", [P1_MADE]),
        ("Patient/p1/_history?_at=2026-01-02T00:00:00Z", [P1_MADE]),
        ("Patient/p1/_history?_at=2026-01-03", [P1_CHANGED, P1_MADE]),
        ("Patient/p1/_history?_at=2026-01-04", [P1_CHANGED]),
        ("Patient/p1/_history?_at=2026-01", [P1_DELETED, P1_CHANGED, P1_MADE]),
        ("Patient/p1/_history?_at=2025", []),
        ("Patient/p1/_history?_at=ge2026-01-04", [P1_DELETED, P1_CHANGED]),
        ("Patient/p1/_history?_at=lt2026-01-03", [P1_MADE]),
        ("Patient/p1/_history?_at=sa2026-01-05", [P1_DELETED]),
        ("_history?_at=2026-01-04", [P1_CHANGED, P2_MADE]),
        ("Patient/_history?_at=2026-01-02T12:00:00Z&_since=2026-01-02T00:00:00Z", [P2_MADE]),
    ],
)
async def test_a_history_can_be_bounded_in_time(timed: Served, query: str, expected: list[tuple[str, str]]) -> None:
    bundle = await get(timed, f"/fhir/{query}")
    assert told(bundle) == expected
    assert bundle["total"] == len(expected)


async def test_the_links_say_what_was_applied(timed: Served) -> None:
    bundle = await get(timed, "/fhir/Patient/_history?_since=2026-01-01T00:00:00Z&_count=1&_sort=-_lastUpdated")
    applied = "_since=2026-01-01T00:00:00Z&_count=1&_sort=-_lastUpdated"
    assert links(bundle)["self"] == f"{BASE}/Patient/_history?{applied}"
    assert links(bundle)["next"].startswith(f"{BASE}/Patient/_history?{applied}&_page=")


@pytest.mark.parametrize(
    "query",
    [
        "_since=yesterday", "_since=", "_since=1980-13-01T00:00:00Z", "_since=2026-01-01T00:00:00Z&_since=2026",
        "_at=soon", "_at=ne2026", "_at=", "_count=-1", "_count=many", "_count=9999999999", "_sort=_lastUpdated",
        "_list=l1", "name=x", "_page=%00", "_since=%F0%9F%98%80",
    ],
)  # fmt: skip
async def test_a_parameter_that_makes_no_sense_is_refused(server: Served, query: str) -> None:
    for address in ("Patient/p1/_history", "Patient/_history", "_history"):
        response = await server.http.get(f"/fhir/{address}?{query}")
        assert (response.status_code, response.json()["resourceType"]) == (400, "OperationOutcome"), address


async def test_lenient_handling_passes_over_what_a_history_does_not_have_and_says_so_in_self(server: Served) -> None:
    response = await server.http.get("/fhir/_history?colour=blue&_count=5", headers={"prefer": "handling=lenient"})
    assert links(response.json())["self"] == f"{BASE}/_history?_count=5"


async def test_what_never_was_has_no_history(server: Served) -> None:
    assert (await server.http.get("/fhir/Patient/nobody/_history")).status_code == 404
    assert told(await get(server, "/fhir/Patient/_history")) == []


async def test_a_bundle_can_ask_for_a_history(server: Served) -> None:
    await put(server, patient())
    entry = {"request": {"method": "GET", "url": "Patient/p1/_history?_count=1"}}
    answer = (await server.bundle("batch", entry)).json()["entry"][0]
    assert (answer["response"]["status"], told(answer["resource"])) == ("200 OK", [("POST Patient", 'W/"1"')])


async def test_a_types_and_the_services_history_ask_for_the_right_to_search(server: Served) -> None:
    await put(server, patient())
    await put(server, observation("o1", "p1"))
    reading, searching = server.as_caller("system/Patient.r"), server.as_caller("system/Patient.s")
    statuses = {
        address: [(await server.http.get(f"/fhir/{address}", headers=who)).status_code for who in (reading, searching)]
        for address in ("Patient/p1/_history", "Patient/_history", "_history", "Observation/_history")
    }
    assert statuses == {
        "Patient/p1/_history": [200, 403],
        "Patient/_history": [403, 200],
        "_history": [403, 200],
        "Observation/_history": [403, 403],
    }
    assert told(await get(server, "/fhir/_history", searching)) == [("POST Patient", 'W/"1"')]


async def test_an_app_of_one_patient_sees_only_versions_that_lay_in_its_compartment(server: Served) -> None:
    for resource in (
        patient("mine"), patient("other"), observation("o1", "mine"), observation("o1", "other"),
        observation("o1", "mine", status="amended"), observation("o2", "other"), observation("o3", "mine"),
    ):  # fmt: skip
        await put(server, resource)
    for id in ("o1", "o2", "o3"):
        await server.http.delete(f"/fhir/Observation/{id}")
    mine = server.as_caller("patient/*.rs", patient="mine", roles=["patient"])
    assert [etag for _, etag in told(await get(server, "/fhir/Observation/o1/_history", mine))] == [
        'W/"4"', 'W/"3"', 'W/"1"',
    ]  # fmt: skip
    seen = [
        ("DELETE Observation/o3", 'W/"2"'),
        ("DELETE Observation/o1", 'W/"4"'),
        ("POST Observation", 'W/"1"'),
        ("PUT Observation/o1", 'W/"3"'),
        ("POST Observation", 'W/"1"'),
    ]
    assert told(await get(server, "/fhir/Observation/_history", mine)) == seen
    assert told(await get(server, "/fhir/_history", mine)) == [*seen, ("POST Patient", 'W/"1"')]
    assert (await server.http.get("/fhir/Observation/o2/_history", headers=mine)).status_code == 404
    versions = {
        n: (await server.http.get(f"/fhir/Observation/o1/_history/{n}", headers=mine)).status_code for n in range(1, 5)
    }
    assert versions == {1: 200, 2: 404, 3: 200, 4: 410}
    assert (await server.http.get("/fhir/Observation/o2", headers=mine)).status_code == 404
    assert (await server.http.get("/fhir/Observation/o3", headers=mine)).status_code == 410


@pytest.mark.parametrize(
    ("place", "purview"),
    [
        (Place("Patient", "p1"), UNCONFINED),
        (Place("Patient"), UNCONFINED),
        (Place("Observation", "o1"), of_patient("p1")),
        (Place("Observation"), of_patient("p1")),
    ],
)
async def test_no_history_walks_through_the_table(tmp_path: Path, place: Place, purview: Purview) -> None:
    async with fresh_database("sqlite", tmp_path) as database:
        planned: list[str] = []

        class Explaining:
            dialect = database.dialect
            fetch_row = database.fetch_row

            async def fetch(self, sql: str, *arguments: Any) -> Any:
                rows = await database.fetch(f"EXPLAIN QUERY PLAN {sql}", *arguments)
                planned.extend(row[3] for row in rows)
                return []

        pairs = [("_since", "2026-01-01T00:00:00Z"), ("_at", "2026-01")]
        await run(Explaining(), asked("", [place.type_name], pairs, lenient=False), [place], purview=purview)
    assert planned
    assert {step for step in planned if step.startswith("SCAN") and not step.startswith("SCAN page")} == set()
