"""$validate, and profiles that are enforced: https://hl7.org/fhir/R4/resource-operation-validate.html"""

from typing import Any

import pytest

from bedside.events.database import Database
from bedside.fhir.declaration import Owned, Service
from bedside.fhir.outcome import Issue
from bedside.fhir.rest.testing import Served, served

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"
PATIENT: dict[str, Any] = {"resourceType": "Patient", "gender": "female"}
MEETS = PATIENT | {"identifier": [{"system": "http://example.org/mrn", "value": "1"}], "name": [{"family": "Okafor"}]}


def told(outcome: dict[str, Any], *severities: str) -> list[tuple[str, str | None]]:
    """(code, place) of the issues of these severities."""
    return [
        (issue["code"], issue.get("expression", [None])[0])
        for issue in outcome["issue"]
        if issue["severity"] in severities
    ]


async def judged(server: Served, body: Any, at: str = "Patient/$validate") -> dict[str, Any]:
    answer = await server.http.post(f"/fhir/{at}", json=body)
    assert answer.status_code == 200, answer.text
    outcome: dict[str, Any] = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    return outcome


def parameters(resource: dict[str, Any] | None = None, **given: str) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [] if resource is None else [{"name": "resource", "resource": resource}]
    for name, value in given.items():
        parts.append({"name": name, "valueUri" if name == "profile" else "valueCode": value})
    return {"resourceType": "Parameters", "parameter": parts}


async def test_a_valid_resource_is_well_and_nothing_is_kept(server: Served) -> None:
    outcome = await judged(server, PATIENT)

    assert told(outcome, "information") == [("informational", None)]
    assert (await server.http.get("/fhir/Patient?_total=accurate")).json()["total"] == 0
    assert await server.told() == []


async def test_every_problem_of_a_resource_is_told_at_its_place(server: Served) -> None:
    outcome = await judged(server, {"resourceType": "Patient", "gender": "banana", "shoeSize": 43})

    assert told(outcome, "error") == [("code-invalid", "Patient.gender"), ("structure", "Patient.shoeSize")]


async def test_a_resource_is_held_to_the_profile_that_is_asked_for(server: Served) -> None:
    wanting = await judged(server, parameters(PATIENT, profile=US_CORE))
    meeting = await judged(server, parameters(MEETS, profile=US_CORE))

    assert told(wanting, "error") == [("required", "Patient.identifier"), ("required", "Patient.name")]
    assert told(meeting, "error") == []
    # What of the profile we do not judge is said.
    assert ("incomplete", None) in told(meeting, "information")


async def test_a_resource_is_held_to_the_profiles_it_declares(server: Served) -> None:
    profiles = [US_CORE, "http://example.org/StructureDefinition/unheard-of"]
    outcome = await judged(server, PATIENT | {"meta": {"profile": profiles}})

    assert told(outcome, "error") == [("required", "Patient.identifier"), ("required", "Patient.name")]
    assert told(outcome, "warning") == [("not-found", "Patient.meta.profile")]


async def test_what_is_stored_is_judged_when_nothing_is_sent(server: Served) -> None:
    await server.http.put("/fhir/Patient/p", json=PATIENT | {"id": "p"})
    fine = await server.http.get("/fhir/Patient/p/$validate")
    wanting = await server.http.get(f"/fhir/Patient/p/$validate?profile={US_CORE}")

    assert (told(fine.json(), "error"), len(told(wanting.json(), "error"))) == ([], 2)
    assert (await server.http.get("/fhir/Patient/none/$validate")).status_code == 404


async def test_a_rehearsed_creation_is_judged_by_what_is_stored(server: Served) -> None:
    encounter = {
        "resourceType": "Encounter",
        "status": "planned",
        "class": {"code": "AMB"},
        "subject": {"reference": "Patient/nobody"},
    }
    content = await judged(server, encounter, "Encounter/$validate")
    creation = await judged(server, parameters(encounter, mode="create"), "Encounter/$validate")

    assert told(content, "error") == []
    assert told(creation, "error") == [("not-found", "Encounter.subject")]


async def test_a_rehearsed_deletion_tells_what_stands_against_it(server: Served) -> None:
    await server.http.put("/fhir/Patient/p", json=PATIENT | {"id": "p"})
    free = await judged(server, parameters(mode="delete"), "Patient/p/$validate")
    encounter = {"resourceType": "Encounter", "status": "planned", "class": {"code": "AMB"}}
    await server.http.post("/fhir/Encounter", json=encounter | {"subject": {"reference": "Patient/p"}})
    held = await judged(server, parameters(mode="delete"), "Patient/p/$validate")

    assert (told(free, "error"), told(held, "error")) == ([], [("conflict", "Patient")])
    assert (await server.http.get("/fhir/Patient/p")).status_code == 200


async def test_a_rehearsed_update_makes_no_version(server: Served) -> None:
    await server.http.put("/fhir/Patient/p", json=PATIENT | {"id": "p"})
    changed = PATIENT | {"id": "p", "active": True}
    fine = await judged(server, parameters(changed, mode="update"), "Patient/p/$validate")
    other = await judged(server, parameters(changed | {"id": "q"}, mode="update"), "Patient/p/$validate")

    assert (told(fine, "error"), told(other, "error")) == ([], [("value", "Patient.id")])
    assert (await server.http.get("/fhir/Patient/p")).json()["meta"]["versionId"] == "1"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (parameters(PATIENT, mode="burn"), 400, "value"),
        (parameters(profile=US_CORE), 400, "required"),
        (parameters(PATIENT, profile="http://example.org/none"), 404, "not-found"),
        (parameters(PATIENT, mode="update"), 400, "value"),
        ([], 400, "structure"),
    ],
    ids=["an unknown mode", "no resource", "a profile not held", "an update of nothing", "no resource at all"],
)
async def test_what_makes_no_sense_is_refused(server: Served, body: Any, status: int, code: str) -> None:
    refused = await server.http.post("/fhir/Patient/$validate", json=body)

    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (status, code), refused.text


async def test_a_resource_of_another_type_is_told(server: Served) -> None:
    outcome = await judged(server, {"resourceType": "Organization", "name": "x"})

    assert told(outcome, "error") == [("invalid", "Patient.resourceType")]


async def test_a_rehearsal_takes_the_right_to_the_write(server: Served) -> None:
    reader = server.as_caller("system/Patient.rs")
    content = await server.http.post("/fhir/Patient/$validate", json=PATIENT, headers=reader)
    creation = await server.http.post(
        "/fhir/Patient/$validate", json=parameters(PATIENT, mode="create"), headers=reader
    )

    assert (content.status_code, creation.status_code) == (200, 403)


async def test_declared_profiles_are_enforced_on_writes_when_the_service_says_so(database: Database) -> None:
    def never(patient: Any) -> Any:
        if patient.active is False:
            yield Issue("business-rule", "patients here are active", "Patient.active")

    service = Service("patients", (Owned("Patient", rules=(never,)),), enforces_profiles=True)
    async with served(service, database) as strict:
        plain = await strict.http.post("/fhir/Patient", json=PATIENT)
        declaring = PATIENT | {"meta": {"profile": [US_CORE]}, "active": False}
        refused = await strict.http.post("/fhir/Patient", json=declaring)
        meeting = await strict.http.post("/fhir/Patient", json=MEETS | {"meta": {"profile": [US_CORE]}})
        unheard = await strict.http.post("/fhir/Patient", json=PATIENT | {"meta": {"profile": ["http://x.example/y"]}})

    assert (plain.status_code, meeting.status_code, unheard.status_code) == (201, 201, 201)
    assert refused.status_code == 422
    assert told(refused.json(), "error") == [
        ("business-rule", "Patient.active"),
        ("required", "Patient.identifier"),
        ("required", "Patient.name"),
    ]
