"""Updates and deletions of whatever matches: https://hl7.org/fhir/R4/http.html#cond-update"""

import asyncio
from typing import Any

import httpx
import pytest

from bedside.fhir.rest.testing import Served
from bedside.fhir.store import cascading, locks

SYSTEM = "http://example.org/mrn"


def patient(value: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": SYSTEM, "value": value}], **elements}


def where(value: str) -> str:
    return f"/fhir/Patient?identifier={SYSTEM}|{value}"


async def total(server: Served, value: str) -> int:
    found = await server.http.get(f"{where(value)}&_total=accurate")
    count: int = found.json()["total"]
    return count


async def test_an_update_that_matches_nothing_creates(server: Served) -> None:
    made = await server.http.put(where("1"), json=patient("1"))
    named = await server.http.put(where("2"), json=patient("2", id="chosen"))

    assert made.status_code == named.status_code == 201
    assert made.headers["location"].endswith(f"/Patient/{made.json()['id']}/_history/1")
    assert named.json()["id"] == "chosen"


async def test_an_update_that_matches_one_updates_it(server: Served) -> None:
    first = (await server.http.post("/fhir/Patient", json=patient("1"))).json()
    second = await server.http.put(where("1"), json=patient("1", active=True))
    same_id = await server.http.put(where("1"), json=patient("1", active=False, id=first["id"]))
    other_id = await server.http.put(where("1"), json=patient("1", id="other"))

    assert (second.status_code, second.json()["id"], second.headers["etag"]) == (200, first["id"], 'W/"2"')
    assert same_id.headers["etag"] == 'W/"3"'
    assert (other_id.status_code, other_id.json()["issue"][0]["expression"]) == (400, ["Patient.id"])


async def test_an_update_that_matches_nothing_takes_no_id_of_another(server: Served) -> None:
    await server.http.put("/fhir/Patient/taken", json=patient("1", id="taken"))
    refused = await server.http.put(where("2"), json=patient("2", id="taken"))
    await server.http.delete("/fhir/Patient/taken")
    free_again = await server.http.put(where("2"), json=patient("2", id="taken"))

    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (409, ["Patient.id"])
    assert (free_again.status_code, free_again.headers["etag"]) == (201, 'W/"3"')


async def test_an_app_of_one_patient_means_and_makes_only_what_is_of_that_patient(server: Served) -> None:
    def observation(of: str, **elements: Any) -> dict[str, Any]:
        made = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "identifier": [{"value": "1"}]}
        return made | {"subject": {"reference": f"Patient/{of}"}} | elements

    for id in ("mine", "other"):
        await server.http.put(f"/fhir/Patient/{id}", json={"resourceType": "Patient", "id": id})
    others = (await server.http.post("/fhir/Observation", json=observation("other"))).json()["id"]
    caller = server.as_caller("patient/*.cruds", patient="mine", roles=["physician"])
    at = "/fhir/Observation?identifier=1"

    made = await server.http.put(at, json=observation("mine"), headers=caller)
    again = await server.http.put(at, json=observation("mine", status="amended"), headers=caller)
    about_other = await server.http.put("/fhir/Observation?identifier=2", json=observation("other"), headers=caller)
    by_others_id = await server.http.put(
        "/fhir/Observation?identifier=3", json=observation("mine", id=others), headers=caller
    )

    # A reference to another patient leads nowhere, for this caller.
    assert (made.status_code, again.status_code, again.json()["id"]) == (201, 200, made.json()["id"])
    assert (about_other.status_code, by_others_id.status_code) == (422, 404)
    assert (await server.http.get(f"/fhir/Observation/{others}")).json()["meta"]["versionId"] == "1"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("/fhir/Patient?active=true", 412),
        ("/fhir/Patient", 412),
        ("/fhir/Patient?nmae=x", 400),
        ("/fhir/Patient?identifier=x&_sort=_id", 400),
    ],
    ids=["several", "no criteria", "no such parameter", "shaping"],
)
async def test_what_selects_several_or_nothing_in_particular_is_refused(
    server: Served, method: str, at: str, status: int
) -> None:
    for value in "12":
        await server.http.post("/fhir/Patient", json=patient(value, active=True))
    body = {"json": patient("1")} if method == "PUT" else {}
    refused: httpx.Response = await server.http.request(method, at, **body)

    assert refused.status_code == status, refused.text
    assert await total(server, "1") == 1


async def test_a_deletion_takes_the_one_that_matches_and_is_content_with_none(server: Served) -> None:
    await server.http.post("/fhir/Patient", json=patient("1"))
    first = await server.http.delete(where("1"))
    second = await server.http.delete(where("1"))

    assert (first.status_code, second.status_code) == (204, 204)
    assert await total(server, "1") == 0


async def test_a_conditional_update_is_held_to_the_version_that_was_seen(server: Served) -> None:
    await server.http.post("/fhir/Patient", json=patient("1"))
    late = await server.http.put(where("1"), json=patient("1", active=True), headers={"if-match": 'W/"2"'})
    only_new = await server.http.put(where("1"), json=patient("1", active=True), headers={"if-none-match": "*"})

    assert (late.status_code, only_new.status_code) == (412, 412)


async def test_a_creation_may_say_its_criteria_in_the_address(server: Served) -> None:
    first = await server.http.post(where("1"), json=patient("1"))
    second = await server.http.post(where("1"), json=patient("1", active=True))
    twice = await server.http.post(where("1"), json=patient("1"), headers={"if-none-exist": "identifier=1"})

    assert (first.status_code, second.status_code, twice.status_code) == (201, 200, 400)
    assert second.json()["id"] == first.json()["id"]


@pytest.mark.parametrize("conditionally", ["update", "create"])
async def test_a_hundred_at_once_with_one_identifier_make_one_resource(server: Served, conditionally: str) -> None:
    async def write(number: int) -> httpx.Response:
        body = patient("race", multipleBirthInteger=number)
        if conditionally == "update":
            return await server.http.put(where("race"), json=body)
        condition = {"if-none-exist": f"identifier={SYSTEM}|race"}
        return await server.http.post("/fhir/Patient", json=body, headers=condition)

    answers = await asyncio.gather(*(write(number) for number in range(100)))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * 99 + [201]
    assert await total(server, "race") == 1


async def test_a_patch_that_brings_an_identifier_waits_for_who_searches_by_it(server: Served) -> None:
    await server.http.put("/fhir/Patient/p", json={"resourceType": "Patient", "id": "p"})
    brought = [{"op": "add", "path": "/identifier", "value": patient("1")["identifier"]}]
    sent = {"content-type": "application/json-patch+json"}
    async with server.database.transaction() as searching:
        await locks.take(searching, [], {("Patient", f"identifier={SYSTEM}|1")})
        patching = asyncio.create_task(server.http.patch("/fhir/Patient/p", json=brought, headers=sent))
        done, _ = await asyncio.wait([patching], timeout=0.5)

    assert not done
    assert (await patching).status_code == 200


async def test_what_refers_to_a_resource_keeps_it_until_it_goes_along(server: Served) -> None:
    await server.http.put("/fhir/Patient/p", json={"resourceType": "Patient", "id": "p"})
    await server.http.put(
        "/fhir/Encounter/e",
        json={
            "resourceType": "Encounter",
            "id": "e",
            "status": "planned",
            "class": {"code": "AMB"},
            "subject": {"reference": "Patient/p"},
        },
    )
    await server.http.put(
        "/fhir/Observation/o",
        json={
            "resourceType": "Observation",
            "id": "o",
            "status": "final",
            "code": {"text": "x"},
            "encounter": {"reference": "Encounter/e"},
        },
    )
    kept = await server.http.delete("/fhir/Patient/p")
    assert kept.status_code == 409
    assert "1 Encounter" in kept.json()["issue"][0]["details"]["text"]

    gone = await server.http.delete("/fhir/Patient/p?_cascade=delete")
    assert gone.status_code == 204, gone.text
    assert {
        (await server.http.get(f"/fhir/{key}")).status_code for key in ("Patient/p", "Encounter/e", "Observation/o")
    } == {410}


async def test_nothing_goes_along_that_the_caller_may_not_delete(server: Served) -> None:
    await server.http.put("/fhir/Patient/p", json={"resourceType": "Patient", "id": "p"})
    await server.http.put(
        "/fhir/Observation/o",
        json={
            "resourceType": "Observation",
            "id": "o",
            "status": "final",
            "code": {"text": "x"},
            "subject": {"reference": "Patient/p"},
        },
    )
    caller = server.as_caller("system/Patient.rds")
    refused = await server.http.delete("/fhir/Patient/p?_cascade=delete", headers=caller)
    told = await server.http.delete("/fhir/Patient/p", headers=caller)

    assert (refused.status_code, told.status_code) == (409, 409)
    assert "Observation" not in refused.text + told.text
    assert (await server.http.get("/fhir/Patient/p")).status_code == 200


async def test_cascade_is_one_of_two_words(server: Served) -> None:
    refused = await server.http.delete("/fhir/Patient/p?_cascade=all")

    assert refused.status_code == 400


async def test_a_cascade_that_would_take_too_much_takes_nothing(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cascading, "CASCADED_MAX", 2)
    await server.http.put("/fhir/Organization/o", json={"resourceType": "Organization", "id": "o", "name": "x"})
    for value in "123":
        managed = patient(value, managingOrganization={"reference": "Organization/o"})
        await server.http.post("/fhir/Patient", json=managed)
    refused = await server.http.delete("/fhir/Organization/o?_cascade=delete")

    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (409, "too-costly")
    assert [await total(server, value) for value in "123"] == [1, 1, 1]


async def test_a_cascade_goes_around_a_circle_once_and_tells_of_each(server: Served) -> None:
    for id, other in (("a", None), ("b", "a"), ("a", "b")):
        part = {} if other is None else {"partOf": {"reference": f"Organization/{other}"}}
        made = {"resourceType": "Organization", "id": id, "name": id, **part}
        assert (await server.http.put(f"/fhir/Organization/{id}", json=made)).status_code in (200, 201)
    gone = await server.bundle(
        "transaction", {"request": {"method": "DELETE", "url": "Organization/a?_cascade=delete"}}
    )

    assert [each["response"]["status"] for each in gone.json()["entry"]] == ["204 No Content"]
    assert [(await server.http.get(f"/fhir/Organization/{id}")).status_code for id in "ab"] == [410, 410]
