"""References to what other owners have: heard of, asked about, and never invented."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from bedside.events import Event, Fact, Unit
from bedside.events.catalog import EventData, ResourceCreated, ResourceDeleted
from bedside.events.database import Database
from bedside.events.envelope import envelope, new_event_id
from bedside.fhir.client import Unreachable
from bedside.fhir.declaration import Owned, Service
from bedside.fhir.existence.merging import MergedInCircle, repoint
from bedside.fhir.existence.peers import Existence
from bedside.fhir.existence.remembering import remember_existence
from bedside.fhir.rest.testing import Served, served

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
# Far above what a burst takes: PostgreSQL finds a deadlock only after a second, and undoes one writer at a time.
_FIRST_BURST_S = 10
ENCOUNTERS = Service("encounters", (Owned("Encounter"), Owned("Observation")))
PATIENTS = Service("patients", (Owned("Patient"), Owned("RelatedPerson")))


class Peer:
    """Another owner that has these, and counts how often it is asked."""

    def __init__(self, **existing: Existence) -> None:
        self.existing_patients = {f"Patient/{id}": existence for id, existence in existing.items()}
        self.asked: list[set[str]] = []
        self.silent = False

    async def existing(self, references: Collection[str]) -> Mapping[str, Existence]:
        if self.silent:
            raise Unreachable("no answer")
        self.asked.append(set(references))
        return {key: self.existing_patients[key] for key in references if key in self.existing_patients}


@pytest.fixture
def peer() -> Peer:
    return Peer(p1=Existence(True, 1), p2=Existence(True, 1), old=Existence(True, 2, survivor="Patient/p1"))


@pytest.fixture
async def encounters(database: Database, peer: Peer) -> AsyncIterator[Served]:
    async with served(ENCOUNTERS, database, peers=peer) as running:
        yield running


def observation(subject: str, **elements: Any) -> dict[str, Any]:
    made = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    return made | {"subject": {"reference": subject}} | elements


async def post(server: Served, resource: dict[str, Any]) -> Any:
    return await server.http.post(f"/fhir/{resource['resourceType']}", json=resource)


async def hear(database: Database, data: EventData, subject: str, version: int = 1) -> None:
    body = envelope(
        Fact(data, subject, version), source="/patients", event_id=new_event_id(NOW), sequence=1, now=NOW,
        correlation_id="c",
    )  # fmt: skip
    async with database.transaction() as connection:
        await remember_existence(told_by="patients").handle(Event.parse(body), Unit(connection, NOW))


async def test_the_owner_is_asked_once_and_believed(encounters: Served, peer: Peer) -> None:
    answers = [(await post(encounters, observation("Patient/p1"))).status_code for _ in range(3)]
    assert (answers, peer.asked) == ([201, 201, 201], [{"Patient/p1"}])


async def test_what_no_owner_has_is_refused_with_its_place(encounters: Served) -> None:
    refused = await post(encounters, observation("Patient/nobody"))
    issue = refused.json()["issue"][0]
    assert (refused.status_code, issue["code"], issue["expression"]) == (422, "not-found", ["Observation.subject"])


async def test_one_question_asks_for_a_whole_bundle(encounters: Served, peer: Peer) -> None:
    entries = [
        {"resource": observation(f"Patient/{id}"), "request": {"method": "POST", "url": "Observation"}}
        for id in ("p1", "p2", "p1")
    ]
    assert (await encounters.bundle("transaction", *entries)).status_code == 200
    assert peer.asked == [{"Patient/p1", "Patient/p2"}]


async def test_what_was_heard_of_need_not_be_asked(encounters: Served, peer: Peer) -> None:
    await hear(encounters.database, ResourceCreated(), "Patient/p7")
    assert (await post(encounters, observation("Patient/p7"))).status_code == 201
    assert peer.asked == []


async def test_what_was_heard_to_be_gone_is_asked_about_again(encounters: Served, peer: Peer) -> None:
    await hear(encounters.database, ResourceDeleted(), "Patient/p7", version=2)
    assert (await post(encounters, observation("Patient/p7"))).status_code == 422
    await hear(encounters.database, ResourceCreated(), "Patient/p7", version=1)
    assert (await post(encounters, observation("Patient/p7"))).status_code == 422
    peer.existing_patients["Patient/p7"] = Existence(True, 3)
    assert (await post(encounters, observation("Patient/p7"))).status_code == 201


async def test_a_silent_owner_makes_the_write_wait_for_another_time(encounters: Served, peer: Peer) -> None:
    peer.silent = True
    answer = await post(encounters, observation("Patient/p1"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_a_retired_record_is_refused_naming_the_survivor(encounters: Served) -> None:
    refused = await post(encounters, observation("Patient/old"))
    assert refused.status_code == 422
    assert "Patient/p1" in refused.json()["issue"][0]["details"]["text"]


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "#p", "type": "Patient"},
        {"reference": "http://elsewhere.example/fhir/Patient/1"},
        {"display": "somebody"},
        {"identifier": {"system": "urn:mrn", "value": "1"}},
    ],
)
async def test_what_leads_elsewhere_is_not_looked_for(encounters: Served, peer: Peer, subject: Any) -> None:
    sent = observation("") | {"subject": subject}
    if subject.get("reference") == "#p":
        sent["contained"] = [{"resourceType": "Patient", "id": "p"}]
    assert (await post(encounters, sent)).status_code == 201
    assert peer.asked == []


async def test_checking_can_be_relaxed(database: Database, peer: Peer) -> None:
    async with served(ENCOUNTERS, database, peers=peer, check_references=False) as server:
        assert (await post(server, observation("Patient/nobody"))).status_code == 201
    assert peer.asked == []


async def test_a_merge_moves_every_mention_and_keeps_the_past(encounters: Served) -> None:
    made = [(await post(encounters, observation("Patient/p1"))).json()["id"] for _ in range(3)]
    other = (await post(encounters, observation("Patient/p2"))).json()["id"]
    moved = []
    for _ in range(2):
        async with encounters.database.transaction() as connection:
            moved.append(
                await repoint(
                    connection, retired="Patient/p1", survivor="Patient/p2", version=2, now=NOW, cause="event"
                )
            )
    read = (await encounters.http.get(f"/fhir/Observation/{made[0]}")).json()
    before = (await encounters.http.get(f"/fhir/Observation/{made[0]}/_history/1")).json()
    found = (await encounters.http.get("/fhir/Observation?subject=Patient/p2")).json()
    assert moved == [3, 0]
    assert (read["subject"]["reference"], read["meta"]["versionId"]) == ("Patient/p2", "2")
    assert before["subject"]["reference"] == "Patient/p1"
    assert {each["resource"]["id"] for each in found["entry"]} == {*made, other}
    assert (await post(encounters, observation("Patient/p1"))).status_code == 422


async def test_merges_are_followed_in_either_order_and_a_circle_is_refused(encounters: Served) -> None:
    made = (await post(encounters, observation("Patient/p1"))).json()["id"]

    async def merge(retired: str, survivor: str) -> int:
        async with encounters.database.transaction() as connection:
            return await repoint(connection, retired=retired, survivor=survivor, version=2, now=NOW, cause="event")

    await merge("Patient/p2", "Patient/p3")
    await merge("Patient/p1", "Patient/p2")
    read = (await encounters.http.get(f"/fhir/Observation/{made}")).json()
    assert read["subject"]["reference"] == "Patient/p3"
    with pytest.raises(MergedInCircle):
        await merge("Patient/p3", "Patient/p1")


async def test_no_write_slips_past_a_merge(encounters: Served) -> None:
    await post(encounters, observation("Patient/p1"))

    async def merge() -> None:
        async with encounters.database.transaction() as connection:
            await repoint(connection, retired="Patient/p1", survivor="Patient/p2", version=2, now=NOW, cause="event")

    writes = [post(encounters, observation("Patient/p1")) for _ in range(20)]
    await asyncio.gather(*writes[:10], merge(), *writes[10:])
    found = (await encounters.http.get("/fhir/Observation?subject=Patient/p1&_total=accurate")).json()
    assert found["total"] == 0


async def test_a_first_burst_of_creates_about_a_patient_not_heard_of_is_written(encounters: Served, peer: Peer) -> None:
    peer.existing_patients["Patient/p3"] = Existence(True, 5)
    creates = [post(encounters, observation(f"Patient/p{1 + n % 3}")) for n in range(24)]
    async with asyncio.timeout(_FIRST_BURST_S):
        answers = await asyncio.gather(*creates)
    assert [answer.status_code for answer in answers] == [201] * 24
    remembered = await encounters.database.fetch("SELECT fid, ver FROM existence ORDER BY fid")
    assert [tuple(row) for row in remembered] == [("p1", 1), ("p2", 1), ("p3", 5)]


async def test_owners_tell_what_others_may_name_when_it_appears_and_goes(database: Database) -> None:
    async with served(PATIENTS, database) as server:
        await server.http.put("/fhir/Patient/p1", json={"resourceType": "Patient", "id": "p1"})
        await server.http.put("/fhir/Patient/p1", json={"resourceType": "Patient", "id": "p1", "active": True})
        await server.http.delete("/fhir/Patient/p1")
        assert await server.told() == [("resource.created.v1", "Patient/p1"), ("resource.deleted.v1", "Patient/p1")]


async def test_an_owner_answers_what_exists_to_services_alone(database: Database) -> None:
    async with served(PATIENTS, database) as server:
        await server.http.put("/fhir/Patient/p1", json={"resourceType": "Patient", "id": "p1"})
        link = {"type": "replaced-by", "other": {"reference": "Patient/p1"}}
        await server.http.put("/fhir/Patient/old", json={"resourceType": "Patient", "id": "old", "link": [link]})
        asked = {"references": ["Patient/p1", "Patient/old", "Patient/none", "Observation/o1", "nonsense"]}
        answer = await server.http.post("/internal/existence", json=asked)
        stranger = await server.http.post("/internal/existence", json=asked, headers=server.as_caller("system/*.cruds"))
    assert answer.json() == {
        "existence": {
            "Patient/none": {"exists": False, "version": 0},
            "Patient/old": {"exists": True, "version": 1, "survivor": "Patient/p1"},
            "Patient/p1": {"exists": True, "version": 1},
        }
    }
    assert stranger.status_code == 403


async def test_an_owner_too_refuses_references_to_its_retired_records(database: Database) -> None:
    async with served(PATIENTS, database) as server:
        await server.http.put("/fhir/Patient/p1", json={"resourceType": "Patient", "id": "p1"})
        link = {"type": "replaced-by", "other": {"reference": "Patient/p1"}}
        await server.http.put("/fhir/Patient/old", json={"resourceType": "Patient", "id": "old", "link": [link]})
        refused = await post(server, {"resourceType": "RelatedPerson", "patient": {"reference": "Patient/old"}})
    assert refused.status_code == 422
    assert "Patient/p1" in refused.text


class PeerOfRelatives:
    """The owner of RelatedPersons: each concerns one patient."""

    def __init__(self) -> None:
        self.asked: list[set[str]] = []

    async def existing(self, references: Collection[str]) -> Mapping[str, Existence]:
        self.asked.append(set(references))
        told = {
            "RelatedPerson/of-p1": Existence(True, 1, patients=frozenset({"p1"})),
            "RelatedPerson/of-p2": Existence(True, 1, patients=frozenset({"p2"})),
            "Patient/p1": Existence(True, 1),
            "Patient/p2": Existence(True, 1),
            "Practitioner/dr": Existence(True, 1),
        }
        return {key: told[key] for key in references if key in told}


@pytest.mark.parametrize("heard_before", [False, True])
async def test_an_app_of_one_patient_does_not_learn_what_other_owners_have_of_others(
    database: Database, heard_before: bool
) -> None:
    peer = PeerOfRelatives()
    performers = ["RelatedPerson/of-p1", "RelatedPerson/of-p2", "RelatedPerson/none", "Practitioner/dr", "Patient/p2"]
    async with served(ENCOUNTERS, database, peers=peer) as server:
        if heard_before:
            for performer in performers:
                await post(server, observation("Patient/p2", performer=[{"reference": performer}]))
        app = server.as_caller("patient/*.cruds", patient="p1", roles=["physician"])
        seen = {}
        for performer in performers:
            resource = observation("Patient/p1", performer=[{"reference": performer}])
            seen[performer] = (await server.http.post("/fhir/Observation", json=resource, headers=app)).status_code
    assert seen == {
        "RelatedPerson/of-p1": 201,
        "RelatedPerson/of-p2": 422,
        "RelatedPerson/none": 422,
        "Practitioner/dr": 201,
        "Patient/p2": 422,
    }


async def test_an_owner_tells_in_whose_compartments_a_resource_lies(database: Database) -> None:
    async with served(PATIENTS, database) as server:
        await server.http.put("/fhir/Patient/p1", json={"resourceType": "Patient", "id": "p1"})
        relative = {"resourceType": "RelatedPerson", "id": "r1", "patient": {"reference": "Patient/p1"}}
        await server.http.put("/fhir/RelatedPerson/r1", json=relative)
        asked = {"references": ["RelatedPerson/r1", "Patient/p1"]}
        told = (await server.http.post("/internal/existence", json=asked)).json()["existence"]
    assert told == {
        "RelatedPerson/r1": {"exists": True, "version": 1, "patients": ["p1"]},
        "Patient/p1": {"exists": True, "version": 1},
    }
