"""Two records that are one person's become one, and two again."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from bedside.events.database import Database
from bedside.fhir.client import Unreachable
from bedside.fhir.existence.peers import Existence
from bedside.fhir.rest.testing import Served, served
from bedside.fhir.store.testing import fresh_database
from bedside.patients.service import service

MRN = {
    "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]},
    "system": "urn:mrn",
}
OLD = {"resourceType": "Patient", "id": "old", "active": True, "identifier": [{**MRN, "value": "1"}], "gender": "male"}
NEW = {"resourceType": "Patient", "id": "new", "identifier": [{**MRN, "value": "2"}], "birthDate": "1980-01-01"}
COVER = {
    "resourceType": "Coverage", "id": "c1", "status": "active", "beneficiary": {"reference": "Patient/old"},
    "payor": [{"reference": "Patient/old"}],
}  # fmt: skip
FRIEND = {"resourceType": "RelatedPerson", "id": "f1", "patient": {"reference": "Patient/old"}}


class Encounters:
    """The other owner, who refers to the old record."""

    silent = False

    async def existing(self, references: Collection[str]) -> Mapping[str, Existence]:
        return {}

    async def tally(self, reference: str) -> Mapping[str, int]:
        if self.silent:
            raise Unreachable("no answer")
        return {"Observation": 3, "Encounter": 1} if reference == "Patient/old" else {}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    async with fresh_database(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def peer() -> Encounters:
    return Encounters()


@pytest.fixture
async def patients(database: Database, peer: Encounters) -> AsyncIterator[Served]:
    async with served(service, database, peers=peer) as running:
        for resource in (OLD, NEW, COVER, FRIEND):
            await put(running, resource)
        yield running


async def put(server: Served, resource: Mapping[str, Any]) -> None:
    answer = await server.http.put(f"/fhir/{resource['resourceType']}/{resource['id']}", json=resource)
    assert answer.status_code in (200, 201), answer.text


async def read(server: Served, key: str) -> dict[str, Any]:
    found: dict[str, Any] = (await server.http.get(f"/fhir/{key}")).json()
    return found


def content(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name != "meta"}


def asked(source: str = "old", target: str = "new", **more: Any) -> dict[str, Any]:
    given = [
        {"name": "source-patient", "valueReference": {"reference": f"Patient/{source}"}},
        {"name": "target-patient", "valueReference": {"reference": f"Patient/{target}"}},
    ]
    return {"resourceType": "Parameters", "parameter": [*given, *({"name": n, **part} for n, part in more.items())]}


async def merge(server: Served, body: Any = None, operation: str = "merge", **headers: str) -> Any:
    return await server.http.post(f"/fhir/Patient/${operation}", json=body or asked(), headers=headers)


MERGED_OLD = {
    **OLD, "active": False,
    "link": [{"other": {"reference": "Patient/new"}, "type": "replaced-by"}],
}  # fmt: skip
MERGED_NEW = {
    **NEW, "identifier": [{**MRN, "value": "2"}, {**MRN, "value": "1", "use": "old"}],
    "link": [{"other": {"reference": "Patient/old"}, "type": "replaces"}],
}  # fmt: skip


async def test_a_merge_retires_the_source_and_moves_what_names_it(patients: Served) -> None:
    answer = await merge(patients)
    assert answer.status_code == 200, answer.text
    told = {each["name"]: each["resource"] for each in answer.json()["parameter"]}
    assert content(told["result"]) == MERGED_NEW
    assert content(await read(patients, "Patient/old")) == MERGED_OLD
    assert content(await read(patients, "Patient/new")) == MERGED_NEW
    cover = await read(patients, "Coverage/c1")
    assert (cover["beneficiary"], cover["payor"]) == ({"reference": "Patient/new"}, [{"reference": "Patient/new"}])
    assert (await read(patients, "RelatedPerson/f1"))["patient"] == {"reference": "Patient/new"}
    assert [fact for fact in await patients.told() if fact[0].startswith("patient.")] == [
        ("patient.merged.v1", "Patient/old")
    ]


async def test_a_preview_shows_everything_and_does_nothing(patients: Served) -> None:
    answer = (await merge(patients, asked(preview={"valueBoolean": True}))).json()["parameter"]
    told = {each["name"]: content(each["resource"]) for each in answer if "resource" in each}
    assert (told["source"], told["result"]) == (MERGED_OLD, MERGED_NEW)
    counted = {part["part"][0]["valueCode"]: part["part"][1]["valueUnsignedInt"] for part in answer if "part" in part}
    assert counted == {"Coverage": 1, "Encounter": 1, "Observation": 3, "RelatedPerson": 1}
    assert [(await read(patients, key))["meta"]["versionId"] for key in ("Patient/old", "Patient/new")] == ["1", "1"]


async def test_a_preview_waits_for_an_owner_that_is_silent(patients: Served, peer: Encounters) -> None:
    peer.silent = True
    assert (await merge(patients, asked(preview={"valueBoolean": True}))).status_code == 503
    assert (await merge(patients)).status_code == 200


async def test_an_undone_merge_leaves_both_records_as_they_were(patients: Served) -> None:
    await merge(patients)
    answer = await merge(patients, operation="unmerge")
    assert answer.status_code == 200, answer.text
    for resource in (OLD, NEW, COVER, FRIEND):
        assert content(await read(patients, f"{resource['resourceType']}/{resource['id']}")) == resource
    assert [fact for fact in await patients.told() if fact[0].startswith("patient.")] == [
        ("patient.merged.v1", "Patient/old"),
        ("patient.unmerged.v1", "Patient/old"),
    ]
    await put(patients, {**FRIEND, "id": "f2"})
    assert (await merge(patients)).status_code == 200
    assert (await read(patients, "RelatedPerson/f2"))["patient"] == {"reference": "Patient/new"}


async def test_what_was_changed_since_the_merge_is_kept_when_it_is_undone(patients: Served) -> None:
    await merge(patients)
    await put(patients, {**MERGED_NEW, "gender": "female"})
    await put(patients, {**COVER, "beneficiary": {"reference": "Patient/new"}, "payor": [], "dependent": "7"} | {
        "payor": [{"reference": "Patient/new"}]})  # fmt: skip
    await put(patients, {**FRIEND, "patient": {"reference": "Patient/new"}, "active": True})
    await put(patients, {**FRIEND, "id": "f2", "patient": {"reference": "Patient/new"}})
    await merge(patients, operation="unmerge")
    assert content(await read(patients, "Patient/new")) == {**NEW, "gender": "female"}
    assert content(await read(patients, "Patient/old")) == OLD
    assert content(await read(patients, "Coverage/c1")) == {**COVER, "dependent": "7"}
    assert content(await read(patients, "RelatedPerson/f1")) == {**FRIEND, "active": True}
    assert (await read(patients, "RelatedPerson/f2"))["patient"] == {"reference": "Patient/new"}


async def test_a_resulting_patient_replaces_what_the_target_was(patients: Served) -> None:
    result = {"resourceType": "Patient", "id": "new", "gender": "female"}
    await merge(patients, asked(**{"result-patient": {"resource": result}}))
    assert content(await read(patients, "Patient/new")) == {
        **result,
        "identifier": [{**MRN, "value": "1", "use": "old"}],
        "link": MERGED_NEW["link"],
    }
    await merge(patients, operation="unmerge")
    assert content(await read(patients, "Patient/new")) == NEW


async def test_records_may_be_named_by_their_identifiers(patients: Served) -> None:
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "source-patient-identifier", "valueIdentifier": {"system": "urn:mrn", "value": "1"}},
            {"name": "target-patient-identifier", "valueIdentifier": {"value": "2"}},
        ],
    }
    assert (await merge(patients, body)).status_code == 200
    assert content(await read(patients, "Patient/old")) == MERGED_OLD


@pytest.mark.parametrize(
    ("operation", "body", "status"),
    [
        ("merge", asked("old", "old"), 422),
        ("merge", asked("none", "new"), 404),
        ("merge", asked("old", "none"), 404),
        ("merge", {"resourceType": "Parameters"}, 400),
        ("merge", asked(**{"result-patient": {"resource": {"resourceType": "Patient", "id": "x"}}}), 400),
        ("merge", asked(**{"result-patient": {"resource": {"resourceType": "Patient", "gender": "x"}}}), 400),
        ("merge", asked(**{"source-patient-identifier": {"valueIdentifier": {"value": "1"}}}), 400),
        ("unmerge", asked(), 422),
        ("unmerge", asked("none", "new"), 404),
    ],
)
async def test_what_cannot_be_merged_is_refused_and_nothing_is_changed(
    patients: Served, operation: str, body: Any, status: int
) -> None:
    answer = await merge(patients, body, operation)
    assert answer.status_code == status, answer.text
    assert (await read(patients, "Patient/old"))["meta"]["versionId"] == "1"


async def test_a_merged_record_is_merged_no_more_in_neither_direction(patients: Served) -> None:
    await put(patients, {"resourceType": "Patient", "id": "third"})
    await merge(patients)
    for source, target in (("old", "third"), ("new", "old"), ("third", "old"), ("old", "new")):
        assert (await merge(patients, asked(source, target))).status_code == 422


async def test_merges_are_undone_last_first(patients: Served) -> None:
    await put(patients, {"resourceType": "Patient", "id": "third"})
    await merge(patients)
    await merge(patients, asked("new", "third"))
    assert (await merge(patients, operation="unmerge")).status_code == 422
    assert (await merge(patients, asked("new", "third"), "unmerge")).status_code == 200
    assert (await merge(patients, operation="unmerge")).status_code == 200
    for resource in (OLD, NEW, COVER, FRIEND):
        assert content(await read(patients, f"{resource['resourceType']}/{resource['id']}")) == resource


async def test_of_two_merges_at_once_one_is_made(patients: Served) -> None:
    await put(patients, {"resourceType": "Patient", "id": "third"})
    answers = await asyncio.gather(merge(patients), merge(patients, asked("old", "third")))
    assert sorted(answer.status_code for answer in answers)[0] == 200
    assert all(answer.status_code in (200, 409, 422) for answer in answers)
    assert len((await read(patients, "Patient/old"))["link"]) == 1


@pytest.mark.parametrize(
    ("scope", "claims", "status"),
    [
        ("system/Patient.us", {}, 200),
        ("system/Patient.r", {}, 403),
        ("system/Patient.u?gender=male system/Patient.s", {}, 404),
        ("user/Patient.crus", {"roles": ["frontdesk"]}, 403),
        ("user/Patient.crus", {"roles": ["frontdesk", "admin"]}, 200),
    ],
)
async def test_records_are_merged_by_who_may(patients: Served, scope: str, claims: Any, status: int) -> None:
    answer = await merge(patients, **patients.as_caller(scope, **claims))
    assert answer.status_code == status, answer.text
