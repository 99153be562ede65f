"""What another owner's resources refer to is deleted with them, or not at all. On both databases."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bedside.gateway.federation import deletions
from bedside.gateway.federation.side_by_side import SideBySide, side_by_side

pytestmark = pytest.mark.slow

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]


@pytest.fixture(params=DATABASES)
async def both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SideBySide]:
    async with side_by_side(request.param, tmp_path) as running:
        yield running


def observation(id: str, subject: str, **elements: Any) -> dict[str, Any]:
    made = {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"}}
    return {**made, "subject": {"reference": subject}, **elements}


def related(id: str, patient: str) -> dict[str, Any]:
    return {"resourceType": "RelatedPerson", "id": id, "patient": {"reference": patient}}


RECORD = [
    {"resourceType": "Patient", "id": "p1", "active": True},
    {"resourceType": "Patient", "id": "p2"},
    {"resourceType": "Patient", "id": "p3"},
    related("r1", "Patient/p1"),
    observation("o1", "Patient/p1"),
    observation("o2", "Patient/p2", performer=[{"reference": "RelatedPerson/r1"}]),
    observation("o3", "Patient/p1", hasMember=[{"reference": "Observation/o1"}]),
]
NAMES = [f"{each['resourceType']}/{each['id']}" for each in RECORD]


async def left(both: SideBySide) -> set[str]:
    return {name for name in NAMES if (await both.ask("GET", f"/{name}")).status_code == 200}


async def test_what_another_owners_resources_refer_to_is_a_conflict_as_on_one_server(both: SideBySide) -> None:
    await both.put(*RECORD)
    for path in ("/Patient/p2", "/RelatedPerson/r1", "/Patient?_id=p2", "/Patient/p1"):
        federated, single = await both.ask("DELETE", path), await both.ask_one("DELETE", path)
        assert (federated.status_code, single.status_code) == (409, 409), path
        assert federated.json()["issue"][0]["code"] == "conflict"
    told = (await both.ask("DELETE", "/Patient/p2")).json()["issue"][0]["details"]["text"]
    assert told == (await both.ask_one("DELETE", "/Patient/p2")).json()["issue"][0]["details"]["text"]
    assert await left(both) == set(NAMES)


async def test_what_nobody_refers_to_is_deleted(both: SideBySide) -> None:
    await both.put(*RECORD)
    for path, status in {
        "/Patient/p3": 204,
        "/Patient/nobody": 204,
        "/Observation/o2": 204,
        "/RelatedPerson/r1": 204,
        "/Patient/p2": 204,
    }.items():
        assert (await both.ask("DELETE", path)).status_code == status, path
    assert await left(both) == set(NAMES) - {"Patient/p3", "Observation/o2", "RelatedPerson/r1", "Patient/p2"}


async def test_a_cascade_takes_along_what_refers_to_it_at_every_owner(both: SideBySide) -> None:
    await both.put(*RECORD)
    federated = await both.ask("DELETE", "/Patient/p1?_cascade=delete")
    single = await both.ask_one("DELETE", "/Patient/p1?_cascade=delete")
    assert (federated.status_code, single.status_code) == (204, 204), federated.text
    assert federated.content == b""
    assert await left(both) == {"Patient/p2", "Patient/p3"}
    for name in NAMES:
        assert (await both.ask_one("GET", f"/{name}")).status_code == (200 if name in await left(both) else 410), name


async def test_a_cascade_that_the_token_does_not_reach_deletes_nothing(both: SideBySide) -> None:
    await both.put(*RECORD)
    scope = "system/Patient.cruds system/RelatedPerson.cruds system/Observation.rs"
    assert (await both.ask("DELETE", "/Patient/p1?_cascade=delete", scope=scope)).status_code == 409
    assert await left(both) == set(NAMES)


async def test_a_cascade_beyond_the_bound_is_too_costly(both: SideBySide, monkeypatch: pytest.MonkeyPatch) -> None:
    await both.put(*RECORD)
    monkeypatch.setattr(deletions, "CASCADED_MAX", 2)
    answer = await both.ask("DELETE", "/Patient/p1?_cascade=delete")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (409, "too-costly")
    assert await left(both) == set(NAMES)


async def test_conditions_are_looked_at_before_anything_is_taken_along(both: SideBySide) -> None:
    await both.put(*RECORD)
    stale = {"if-match": 'W/"7"'}
    assert (await both.ask("DELETE", "/Patient/p1?_cascade=delete", headers=stale)).status_code == 412
    assert await left(both) == set(NAMES)


async def test_what_is_hidden_answers_as_if_it_were_not_there(both: SideBySide) -> None:
    await both.put(*RECORD)
    mine = {"scope": "patient/*.cruds", "patient": "p3"}
    hidden = await both.ask("DELETE", "/Patient/p1", **mine)
    absent = await both.ask("DELETE", "/Patient/nobody", **mine)
    assert (hidden.status_code, hidden.content) == (absent.status_code, absent.content)


async def test_an_owner_that_cannot_be_asked_holds_a_deletion_up(both: SideBySide) -> None:
    await both.put(*RECORD)
    both.gateway.silence("encounters")
    assert (await both.ask("DELETE", "/Patient/p3")).status_code == 503


async def test_only_services_may_ask_who_refers_to_what(both: SideBySide) -> None:
    await both.put(*RECORD)
    asked = {"references": ["Patient/p1", "Patient/nobody", "nonsense", "Starship/1"]}
    service = both.service("encounters")
    answer = await service.post("/internal/mentions", json=asked)
    assert answer.json() == {"mentions": {"Patient/p1": ["Observation/o1", "Observation/o3"]}, "complete": True}
    person = {"authorization": f"Bearer {both.issuer.token(audience=str(service.base_url).rstrip('/'))}"}
    assert (await service.post("/internal/mentions", json=asked, headers=person)).status_code == 403
