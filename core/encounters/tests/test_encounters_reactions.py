"""What the encounters service does when patients are merged."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bedside.encounters.reactions.move_encounters import move_encounters
from bedside.encounters.service import service
from bedside.events import Event, Fact, Unit
from bedside.events.catalog import PatientMerged, PatientUnmerged
from bedside.events.envelope import envelope, new_event_id
from bedside.fhir.definitions import definitions
from bedside.fhir.rest.testing import Served, served
from bedside.fhir.store.testing import fresh_database

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


@pytest.fixture
async def encounters(tmp_path: Path) -> AsyncIterator[Served]:
    async with fresh_database("sqlite", tmp_path) as database, served(service, database) as running:
        yield running


def merge(retired: str, survivor: str) -> Event:
    fact = Fact(PatientMerged(survivor=survivor, changed=("link",)), retired, 2)
    body = envelope(fact, source="/patients", event_id=new_event_id(NOW), sequence=1, now=NOW, correlation_id="c")
    return Event.parse(body)


def unmerge(restored: str, survivor: str) -> Event:
    fact = Fact(PatientUnmerged(survivor=survivor, changed=("link",)), restored, 3)
    body = envelope(fact, source="/patients", event_id=new_event_id(NOW), sequence=2, now=NOW, correlation_id="c")
    return Event.parse(body)


async def react(server: Served, event: Event) -> None:
    async with server.database.transaction() as connection:
        await move_encounters.handle(event, Unit(connection, NOW))


async def test_what_happened_to_the_retired_record_happened_to_the_survivor(encounters: Served) -> None:
    subject: dict[str, Any] = {"subject": {"reference": "Patient/p7"}}
    visit = {"resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "AMB"}, **subject}
    observation = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "x"}, **subject}
    for resource in (visit, observation):
        address = f"/fhir/{resource['resourceType']}/{resource['id']}"
        assert (await encounters.http.put(address, json=resource)).status_code == 201
    for _ in range(2):
        await react(encounters, merge("Patient/p7", "Patient/p2"))
    found = {}
    for address in ("Encounter/e1", "Observation/o1"):
        read = (await encounters.http.get(f"/fhir/{address}")).json()
        found[address] = (read["subject"]["reference"], read["meta"]["versionId"])
    assert found == {"Encounter/e1": ("Patient/p2", "2"), "Observation/o1": ("Patient/p2", "2")}


async def test_an_undone_merge_moves_back_what_it_had_moved_and_keeps_what_was_changed_since(
    encounters: Served,
) -> None:
    def observation(id: str, subject: str, **elements: Any) -> dict[str, Any]:
        made = {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"}}
        return made | {"subject": {"reference": subject}} | elements

    async def put(resource: dict[str, Any]) -> None:
        answer = await encounters.http.put(f"/fhir/Observation/{resource['id']}", json=resource)
        assert answer.status_code in (200, 201), answer.text

    for resource in (
        observation("moved", "Patient/p7"),
        observation("edited", "Patient/p7"),
        observation("redirected", "Patient/p7"),
        observation("gone", "Patient/p7"),
        observation("always", "Patient/p2"),
    ):
        await put(resource)
    await react(encounters, merge("Patient/p7", "Patient/p2"))
    await put(observation("edited", "Patient/p2", status="amended"))
    await put(observation("redirected", "Patient/p3"))
    await put(observation("later", "Patient/p2"))
    await encounters.http.delete("/fhir/Observation/gone")
    for _ in range(2):
        await react(encounters, unmerge("Patient/p7", "Patient/p2"))
    found = {}
    for id in ("moved", "edited", "redirected", "always", "later"):
        read = (await encounters.http.get(f"/fhir/Observation/{id}")).json()
        found[id] = (read["subject"]["reference"], read["status"], read["meta"]["versionId"])
    assert found == {
        "moved": ("Patient/p7", "final", "3"),
        "edited": ("Patient/p7", "amended", "4"),
        "redirected": ("Patient/p3", "final", "3"),
        "always": ("Patient/p2", "final", "1"),
        "later": ("Patient/p2", "final", "1"),
    }
    await put(observation("new", "Patient/p7"))


async def test_a_merge_undone_and_made_again_moves_everything_again(encounters: Served) -> None:
    resource = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "x"}}
    await encounters.http.put("/fhir/Observation/o1", json=resource | {"subject": {"reference": "Patient/p7"}})
    places = []
    for event in (merge("Patient/p7", "Patient/p2"), unmerge("Patient/p7", "Patient/p2")) * 2:
        await react(encounters, event)
        places.append((await encounters.http.get("/fhir/Observation/o1")).json()["subject"]["reference"])
    assert places == ["Patient/p2", "Patient/p7", "Patient/p2", "Patient/p7"]


def test_every_owned_type_is_one_of_r4_and_owned_once() -> None:
    names = [owned.type_name for owned in service.owns]
    assert set(names) <= set(definitions().resource_types)
    assert len(names) == len(set(names))
