"""Every official example of a type that we own is stored and comes back as the same JSON, digit for digit."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from bedside.encounters.service import service as encounters
from bedside.fhir import exact_json
from bedside.fhir.declaration import Service
from bedside.fhir.rest.testing import Served, served
from bedside.fhir.store.testing import fresh_database
from bedside.patients.service import service as patients
from tests.official.r4_examples import examples

pytestmark = pytest.mark.servers

# What is wrong with each example that is refused: R4 itself forbids it.
DEFECTIVE = {
    "DeviceUseStatement-example.json": "reasonReference is a Procedure, which is none of its types",
    "MedicationRequest-medrx0301.json": "dispenseRequest.performer is a Practitioner; R4 has Organization only",
    "Observation-clinical-gender.json": "performer is an Encounter, which is none of its types",
    "Questionnaire-qs1.json": "items lack their linkId, which is required",
    "Questionnaire-zika-virus-exposure-assessment.json": "the narrative is blank (txt-2)",
}
AT_ONCE = 8


@pytest.fixture(scope="module")
def official() -> dict[str, dict[str, Any]]:
    """The parsed examples of owned types, by file name."""
    owned = encounters.types | patients.types
    parsed = {name: exact_json.parse(body) for name, body in examples().items() if name.partition("-")[0] in owned}
    return {name: resource for name, resource in parsed.items() if resource.get("resourceType") in owned}


def content(resource: dict[str, Any]) -> bytes:
    """All but what the server stamps; element order does not count, the digits of decimals do."""
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    bare = {**resource, "meta": meta}
    return orjson.dumps(bare, default=lambda n: orjson.Fragment(str(n)), option=orjson.OPT_SORT_KEYS)


async def fate(server: Served, resource: dict[str, Any]) -> str:
    """`same` after it was written and read back; otherwise what went wrong."""
    address = f"/fhir/{resource['resourceType']}/{resource['id']}"
    written = await server.http.put(address, content=exact_json.emit(resource))
    if written.status_code != 201:
        return f"refused with {written.status_code}: {written.text[:300]}"
    # Of a Binary the content would come, if FHIR's type were not asked for.
    read = await server.http.get(address, headers={"accept": "application/fhir+json"})
    return "same" if content(exact_json.parse(read.content)) == content(resource) else "changed"


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
@pytest.mark.parametrize("service", [patients, encounters], ids=lambda service: service.name)
async def test_official_examples_survive_a_round_trip_unchanged_but_for_those_that_r4_forbids(
    official: dict[str, dict[str, Any]], service: Service, dialect: Any, tmp_path: Path
) -> None:
    mine = {name: one for name, one in official.items() if one["resourceType"] in service.types}
    turns = asyncio.Semaphore(AT_ONCE)
    async with (
        fresh_database(dialect, tmp_path) as database,
        served(service, database, check_references=False) as server,
    ):

        async def in_turn(resource: dict[str, Any]) -> str:
            async with turns:
                return await fate(server, resource)

        fates = dict(zip(mine, await asyncio.gather(*map(in_turn, mine.values())), strict=True))
    refused = {name for name, what in fates.items() if what.startswith("refused with 400")}
    assert {name: what for name, what in fates.items() if what != "same" and name not in refused} == {}
    assert {name: fates[name] for name in refused if name not in DEFECTIVE} == {}
    assert refused == DEFECTIVE.keys() & mine.keys()


def test_there_are_as_many_examples_as_the_package_holds(official: dict[str, dict[str, Any]]) -> None:
    assert len(official) == 510
