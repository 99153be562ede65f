"""Searches of several types, whole compartments and the history of everything, over two owners as over one server."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bedside.gateway.federation.side_by_side import SideBySide, side_by_side

pytestmark = pytest.mark.slow

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(params=DATABASES)
async def both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SideBySide]:
    async with side_by_side(request.param, tmp_path) as running:
        yield running


def patient(id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, **elements}


def observation(id: str, subject: str) -> dict[str, Any]:
    made = {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"}}
    return {**made, "subject": {"reference": subject}}


def coverage(id: str, beneficiary: str) -> dict[str, Any]:
    payor = [{"display": "a payor"}]
    made = {"resourceType": "Coverage", "id": id, "status": "active", "payor": payor}
    return {**made, "beneficiary": {"reference": beneficiary}}


RECORD = [
    patient("p1", active=True),
    observation("o1", "Patient/p1"),
    patient("p2"),
    coverage("c1", "Patient/p1"),
    observation("o2", "Patient/p2"),
    observation("o3", "Patient/p1"),
    {"resourceType": "Practitioner", "id": "shah"},
    coverage("c2", "Patient/p2"),
]


async def put(both: SideBySide, *resources: dict[str, Any]) -> None:
    """Each a moment after the one before, so that both sides know the same order of time."""
    for resource in resources:
        await both.put(resource)
        await asyncio.sleep(0.003)


def named(bundle: dict[str, Any]) -> list[str]:
    return [each["fullUrl"].partition("/fhir/")[2] for each in bundle.get("entry", []) if "fullUrl" in each]


def matched(bundle: dict[str, Any]) -> list[str]:
    entries = [each for each in bundle.get("entry", []) if each.get("search", {}).get("mode") != "include"]
    return named({"entry": entries})


def relation(bundle: dict[str, Any], wanted: str) -> str | None:
    return next((link["url"] for link in bundle["link"] if link["relation"] == wanted), None)


async def every_page(both: SideBySide, path: str, **asked: Any) -> list[list[str]]:
    pages: list[list[str]] = []
    following: str | None = path
    while following is not None and len(pages) < 20:
        answer = await both.ask("GET", following, **asked)
        assert answer.status_code == 200, answer.text
        pages.append(named(answer.json()))
        url = relation(answer.json(), "next")
        following = None if url is None else url.partition("/fhir")[2]
    return pages


ALIKE = [
    "",
    "?_type=Patient,Observation",
    "?_type=Observation,Patient,Coverage&_sort=_id",
    "?_type=Patient,Observation&_sort=-_id",
    "?_type=Patient,Observation&_sort=-_lastUpdated,_id",
    "?_type=Patient,Observation&_sort=_lastUpdated",
    "?_type=Observation&_sort=-code",
    "?_type=Patient,Observation&_id=p1,o2",
    "?_id=nothing",
    "?_type=Patient,Observation&_total=accurate",
    "?_type=Patient,Observation&_total=accurate&_count=1",
    "?_type=Patient,Observation&_summary=count",
    "?_type=Patient,Observation&_count=0&_total=accurate",
    "?_type=Patient,Observation&_elements=id",
    "?_type=Patient,Observation&_count=3",
    "?_type=Observation,Coverage&_include=Observation:subject&_include=Coverage:beneficiary",
    "?_type=Patient,Practitioner&_revinclude=Observation:subject",
    "/Patient/p1/*",
    "/Patient/p1/*?_type=Observation,Coverage",
    "/Patient/p1/*?_type=Observation",
    "/Patient/nobody/*",
    "/Patient/p1/Observation",
    "/Patient/p1/Observation?subject:Patient.active=true",
    "/_history",
    "/_history?_count=3",
    "/_history?_since=2020-01-01T00:00:00Z",
    "/_history?_since=2999-01-01T00:00:00Z",
    "/Observation/_history",
    "/Patient/p1/_history",
]


async def test_several_owners_answer_as_one_server(both: SideBySide) -> None:
    await put(both, *RECORD)
    await both.ask("DELETE", "/Observation/o3")
    await both.ask_one("DELETE", "/Observation/o3")
    for path in ALIKE:
        federated, single = await both.ask("GET", path), await both.ask_one("GET", path)
        assert (federated.status_code, single.status_code) == (200, 200), (path, federated.text, single.text)
        told, expected = federated.json(), single.json()
        assert matched(told) == matched(expected), path
        assert sorted(named(told)) == sorted(named(expected)), path
        assert told["type"] == expected["type"]
        assert told.get("total") == expected.get("total"), path
        assert relation(told, "self") == relation(expected, "self"), path
        assert (relation(told, "next") is None) == (relation(expected, "next") is None), path


@pytest.mark.parametrize(
    "path",
    [
        "/Observation?_include=Observation:subject",
        "/Patient?_revinclude=Observation:subject",
        "?_type=Observation,Coverage&_include=Observation:subject",
        "/Patient/p1",
    ],
)
async def test_the_past_is_that_of_all_owners(both: SideBySide, path: str) -> None:
    await put(both, *RECORD)
    instant = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    await asyncio.sleep(0.01)
    await put(both, patient("p1", active=False), observation("o1", "Patient/p2"))
    await both.ask("DELETE", "/Observation/o3")
    then = f"{path}{'&' if '?' in path else '?'}_asOf={instant}"
    answer = await both.ask("GET", then)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    shown = [entry["resource"] for entry in told.get("entry", [{"resource": told}])]
    assert {resource["meta"]["versionId"] for resource in shown} == {"1"}
    if "Observation" in path:
        assert {"Observation/o3", "Patient/p1"} <= set(named(told))


async def test_a_search_by_post_is_the_same(both: SideBySide) -> None:
    await put(both, *RECORD)
    for path in ("/_search", "/Patient/p1/_search", "/Patient/p1/*/_search"):
        answer = await both.ask("POST", path, b"_type=Observation,Coverage&_sort=_id&_count=2", headers=FORM)
        assert named(answer.json()) == ["Coverage/c1", "Coverage/c2" if path == "/_search" else "Observation/o1"], path


async def test_pages_go_through_all_owners_and_leave_nothing_out(both: SideBySide) -> None:
    await put(both, *RECORD)
    for path in ("?_type=Patient,Observation,Coverage", "/_history?_since=2020-01-01T00:00:00Z", "?_sort=_id"):
        whole = named((await both.ask("GET", path)).json())
        for count in (1, 2, 3, 5):
            joined = f"{path}{'&' if '?' in path else '?'}_count={count}"
            pages = await every_page(both, joined)
            assert [name for page in pages for name in page] == whole, joined
            assert [len(page) for page in pages[:-1]] == [count] * (len(pages) - 1), joined


async def test_what_is_written_between_two_pages_is_not_seen_on_them(both: SideBySide) -> None:
    await put(both, *RECORD)
    for path in ("?_type=Patient,Observation", "/_history", "/Patient/p1/*"):
        whole = named((await both.ask("GET", path)).json())
        joined = f"{path}{'&' if '?' in path else '?'}_count=2"
        first = (await both.ask("GET", joined)).json()
        await put(both, patient("p1", active=False), observation(f"new{len(path)}", "Patient/p1"))
        following = relation(first, "next")
        assert following is not None
        rest = await every_page(both, following.partition("/fhir")[2])
        assert named(first) + [name for page in rest for name in page] == whole, path


async def test_a_page_is_its_callers_and_its_querys_alone(both: SideBySide) -> None:
    await put(both, *RECORD)
    following = relation((await both.ask("GET", "/_history?_count=2")).json(), "next")
    assert following is not None
    path = following.partition("/fhir")[2]
    assert (await both.ask("GET", path)).status_code == 200
    assert (await both.ask("GET", path, subject="somebody-else")).status_code == 400
    assert (await both.ask("GET", path.replace("_count=2", "_count=3"))).status_code == 400
    assert (await both.ask("GET", path.replace("_page=", "_page=x"))).status_code == 400


async def test_only_types_that_may_be_searched_are_looked_at(both: SideBySide) -> None:
    await put(both, *RECORD)
    table = {
        ("", "system/Patient.rs"): ["Patient/p2", "Patient/p1"],
        ("", "system/Coverage.rs system/Patient.s"): ["Coverage/c2", "Coverage/c1", "Patient/p2", "Patient/p1"],
        ("/Patient/p1/*", "system/Observation.rs"): ["Observation/o3", "Observation/o1"],
        ("/_history", "system/Patient.rs"): ["Patient/p2", "Patient/p1"],
    }
    for (path, scope), expected in table.items():
        assert named((await both.ask("GET", path, scope=scope)).json()) == expected, (path, scope)
    for path, scope in [
        ("?_type=Patient,Observation", "system/Patient.rs"),
        ("", "system/Patient.r"),
        ("/_history", "system/Patient.c"),
        ("/Patient/p1/*", "system/Practitioner.rs"),
    ]:
        assert (await both.ask("GET", path, scope=scope)).status_code == 403, (path, scope)


async def test_a_caller_of_one_patient_sees_that_patients_alone(both: SideBySide) -> None:
    await put(both, *RECORD)
    mine = {"scope": "patient/*.rs", "patient": "p2"}
    for path in ("?_type=Patient,Observation,Coverage", "/Patient/p2/*", "/_history"):
        found = named((await both.ask("GET", path, **mine)).json())
        assert found == named((await both.ask_one("GET", path, **mine)).json()), path
        assert "Patient/p1" not in found
        assert "Observation/o2" in found
    assert (await both.ask("GET", "/Patient/p1/*", **mine)).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "?_type=Patient,Starship",
        "?_type=Starship",
        "?_type=Patient&_type=Observation",
        "?_type=Patient,Observation&colour=red",
        "?_type=Patient,Observation&_sort=identifier",
        "?_count=many",
        "/_history?_since=yesterday",
        "/_history?colour=red",
    ],
)
async def test_what_makes_no_sense_is_refused(both: SideBySide, path: str) -> None:
    answer = await both.ask("GET", path)
    assert (answer.status_code, answer.json()["resourceType"]) == (400, "OperationOutcome")


async def test_a_silent_owner_is_a_503_and_not_half_an_answer(both: SideBySide) -> None:
    await put(both, *RECORD)
    both.gateway.silence("encounters")
    for path in ("", "/_history", "/Patient/p1/*", "?_type=Patient,Observation"):
        assert (await both.ask("GET", path)).status_code == 503, path
    assert (await both.ask("GET", "?_type=Patient,Coverage")).status_code == 200


async def test_a_head_request_is_answered_without_a_body(both: SideBySide) -> None:
    for path in ("", "/_history", "/Patient/p1/*"):
        answer = await both.ask("HEAD", path)
        assert (answer.status_code, answer.content) == (200, b""), path
