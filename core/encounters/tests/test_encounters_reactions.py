"""What the encounters service does when patients are merged."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bedside.encounters.reactions.move_encounters import move_encounters
from bedside.encounters.service import service
from bedside.events import Event, Fact, Unit
from bedside.events.catalog import PatientMerged
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


def test_every_owned_type_is_one_of_r4_and_owned_once() -> None:
    names = [owned.type_name for owned in service.owns]
    assert set(names) <= set(definitions().resource_types)
    assert len(names) == len(set(names))
