"""A small declared service on each database, for the tests of the engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bedside.events.database import Database
from bedside.fhir.declaration import Owned, Service
from bedside.fhir.rest.testing import Served, served
from bedside.fhir.store.testing import fresh_database

SERVICE = Service(
    "patients",
    (*(Owned(name) for name in ("Patient", "Practitioner", "Organization", "Encounter", "Observation", "Condition")),),
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """Empty, with all tables."""
    async with fresh_database(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
async def server(database: Database) -> AsyncIterator[Served]:
    """Patients, people, organisations and a little of what happens to them."""
    async with served(SERVICE, database) as running:
        yield running
