"""`$everything` of a patient and of an encounter, put together from two owners. On both databases."""

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


def observation(id: str, patient: str, **elements: Any) -> dict[str, Any]:
    made = {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"}}
    return {**made, "subject": {"reference": f"Patient/{patient}"}, **elements}


KIND = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}
RECORD: list[dict[str, Any]] = [
    {"resourceType": "Practitioner", "id": "shah"},
    {"resourceType": "Practitioner", "id": "other"},
    {"resourceType": "Organization", "id": "trust", "name": "Trust"},
    {"resourceType": "Patient", "id": "p1", "managingOrganization": {"reference": "Organization/trust"}},
    {"resourceType": "Patient", "id": "p2"},
    {"resourceType": "RelatedPerson", "id": "r1", "patient": {"reference": "Patient/p1"}},
    {"resourceType": "Encounter", "id": "e1", "status": "finished", "class": KIND,
     "subject": {"reference": "Patient/p1"}},
    observation("o1", "p1", performer=[{"reference": "Practitioner/shah"}], encounter={"reference": "Encounter/e1"}),
    observation("o2", "p1"),
    observation("o3", "p2", performer=[{"reference": "Practitioner/other"}]),
]  # fmt: skip


def named(bundle: dict[str, Any]) -> list[str]:
    return [each["fullUrl"].partition("/fhir/")[2] for each in bundle.get("entry", [])]


async def every_page(both: SideBySide, path: str) -> list[list[str]]:
    pages: list[list[str]] = []
    following: str | None = path
    while following is not None and len(pages) < 20:
        answer = await both.ask("GET", following)
        assert answer.status_code == 200, answer.text
        pages.append(named(answer.json()))
        urls = [link["url"] for link in answer.json()["link"] if link["relation"] == "next"]
        following = urls[0].partition("/fhir")[2] if urls else None
    return pages


async def test_everything_is_what_one_server_tells(both: SideBySide) -> None:
    await both.put(*RECORD)
    for path in (
        "/Patient/p1/$everything",
        "/Patient/p2/$everything",
        "/Patient/p1/$everything?_type=Observation,Patient",
        "/Encounter/e1/$everything",
    ):
        federated, single = await both.ask("GET", path), await both.ask_one("GET", path)
        assert (federated.status_code, single.status_code) == (200, 200), (path, federated.text, single.text)
        assert sorted(named(federated.json())) == sorted(named(single.json())), path


async def test_pages_tell_each_resource_of_the_record_once(both: SideBySide) -> None:
    await both.put(*RECORD)
    whole = sorted(named((await both.ask("GET", "/Patient/p1/$everything")).json()))
    pages = await every_page(both, "/Patient/p1/$everything?_count=2")
    assert sorted({name for page in pages for name in page}) == whole
    own = [name for page in pages for name in page if name.startswith(("Observation", "Patient", "Related", "Enc"))]
    assert len(own) == len(set(own))


async def test_by_post_it_is_the_same(both: SideBySide) -> None:
    await both.put(*RECORD)
    sent = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueCode": "Observation"}]}
    answer = await both.ask("POST", "/Patient/p2/$everything", sent)
    single = await both.ask_one("POST", "/Patient/p2/$everything", sent)
    assert sorted(named(answer.json())) == sorted(named(single.json()))
    assert (await both.ask("POST", "/Patient/p2/$everything", [])).status_code == 400


async def test_what_is_not_there_or_not_the_callers_is_not_told(both: SideBySide) -> None:
    await both.put(*RECORD)
    mine = {"scope": "patient/*.rs", "patient": "p2"}
    assert (await both.ask("GET", "/Patient/nobody/$everything")).status_code == 404
    assert (await both.ask("GET", "/Patient/p1/$everything", **mine)).status_code == 404
    assert (await both.ask("GET", "/Patient/p1/$everything", scope="system/Observation.rs")).status_code == 403
    assert (await both.ask("GET", "/Patient/p1/$everything?colour=red")).status_code == 400


async def test_a_silent_owner_is_a_503_and_not_half_a_record(both: SideBySide) -> None:
    await both.put(*RECORD)
    both.gateway.silence("encounters")
    assert (await both.ask("GET", "/Patient/p1/$everything")).status_code == 503
