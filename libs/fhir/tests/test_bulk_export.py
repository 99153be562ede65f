"""Bulk export: https://hl7.org/fhir/uv/bulkdata/STU2/export.html"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from bedside.events.database import Database
from bedside.fhir.bulk import members
from bedside.fhir.declaration import Owned, Service
from bedside.fhir.rest.testing import Served, served

SERVICE = Service(
    "all", tuple(Owned(name) for name in ("Patient", "Group", "Organization", "Observation", "Encounter"))
)
ASYNC = {"prefer": "respond-async"}
BASE = "http://127.0.0.1:8000/fhir"


@pytest.fixture
async def server(database: Database) -> AsyncIterator[Served]:
    """Three patients with two observations each, an organization; at most four resources in a file."""
    async with served(SERVICE, database, export_file_max=4) as running:
        for number in range(3):
            await put(running, "Patient", f"p{number}", active=True)
            for place in range(2):
                await put(running, "Observation", f"o{number}{place}", **observation(number, place))
        await put(running, "Organization", "org", name="Ward")
        yield running


def observation(number: int, place: int) -> dict[str, Any]:
    return {
        "status": "final" if place else "preliminary",
        "code": {"text": "x"},
        "subject": {"reference": f"Patient/p{number}"},
        "valueQuantity": {"value": 1},
    }


async def put(server: Served, type_name: str, id: str, **elements: Any) -> None:
    answer = await server.http.put(f"/fhir/{type_name}/{id}", json={"resourceType": type_name, "id": id, **elements})
    assert answer.status_code in (200, 201), answer.text


async def manifest(server: Served, path: str, **asked: Any) -> dict[str, Any]:
    """Begun, waited for, done."""
    headers = ASYNC | asked.pop("headers", {})
    begun = await server.http.request(asked.pop("method", "GET"), f"/fhir{path}", headers=headers, **asked)
    assert begun.status_code == 202, begun.text
    for _ in range(200):
        told = await server.http.get(own(begun.headers["content-location"]), headers=asked_by(headers))
        if told.status_code != 202:
            assert told.status_code == 200, told.text
            done: dict[str, Any] = told.json()
            return done
        await asyncio.sleep(0.02)
    raise AssertionError("the export did not end")


def asked_by(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name == "authorization"}


def own(url: str) -> str:
    """Links carry the public base."""
    assert url.startswith(BASE)
    return url.removeprefix("http://127.0.0.1:8000")


async def exported(server: Served, told: dict[str, Any], kind: str = "output", **headers: str) -> list[dict[str, Any]]:
    resources = []
    for file in told[kind]:
        sent = await server.http.get(own(file["url"]), headers={"accept": "application/fhir+ndjson", **headers})
        assert sent.status_code == 200, sent.text
        assert sent.headers["content-type"].startswith("application/fhir+ndjson")
        lines = [orjson.loads(line) for line in sent.content.splitlines()]
        assert len(lines) == file["count"] or kind == "deleted"
        resources += lines
    return resources


def ids(resources: list[dict[str, Any]]) -> set[str]:
    return {each["id"] for each in resources}


async def test_the_whole_system_is_exported_in_files_of_a_bounded_size(server: Served) -> None:
    told = await manifest(server, "/$export")

    assert told["request"] == f"{BASE}/$export"
    assert told["requiresAccessToken"] is True
    assert [(file["type"], file["count"]) for file in told["output"]] == [
        ("Observation", 4),
        ("Observation", 2),
        ("Organization", 1),
        ("Patient", 3),
    ]
    assert ids(await exported(server, told)) == {f"p{n}" for n in range(3)} | {
        f"o{n}{p}" for n in range(3) for p in range(2)
    } | {"org"}
    assert told["deleted"] == told["error"] == []


async def test_a_line_is_the_resource_as_it_is_read(server: Served) -> None:
    told = await manifest(server, "/$export?_type=Organization")
    read = await server.http.get("/fhir/Organization/org")

    sent = await server.http.get(own(told["output"][0]["url"]))
    assert sent.content == read.content + b"\n"


async def test_what_changes_after_the_beginning_is_not_in_the_files(server: Served) -> None:
    told = await manifest(server, "/$export?_type=Patient")
    await put(server, "Patient", "late", active=True)
    await server.http.delete("/fhir/Observation/o00")
    await put(server, "Patient", "p1", active=False)

    assert {(each["id"], each["active"]) for each in await exported(server, told)} == {
        ("p0", True),
        ("p1", True),
        ("p2", True),
    }


async def test_an_export_goes_on_from_the_one_before(server: Served) -> None:
    before = await manifest(server, "/$export")
    await put(server, "Patient", "new", active=True)
    await server.http.delete("/fhir/Observation/o00")
    after = await manifest(server, f"/$export?_since={before['transactionTime']}")

    # What stood at that very instant may come twice; nothing is missed.
    assert "new" in ids(await exported(server, after))
    assert not ids(await exported(server, after)) & {"p0", "o10"}
    [gone] = await exported(server, after, "deleted")
    assert gone["entry"] == [{"request": {"method": "DELETE", "url": "Observation/o00"}}]


async def test_types_and_filters_narrow_it(server: Served) -> None:
    told = await manifest(
        server, "/$export?_type=Observation,Patient&_typeFilter=Observation%3Fstatus%3Dfinal%26subject%3DPatient/p1"
    )

    assert ids(await exported(server, told)) == {"p0", "p1", "p2", "o11"}


async def test_lines_hold_the_elements_that_were_asked_for_and_what_must_be_there(server: Served) -> None:
    told = await manifest(server, "/$export?_elements=Observation.subject,name")

    tag = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
    lines = {each["id"]: each for each in await exported(server, told)}
    assert all(each["meta"].pop("tag") == [tag] for each in lines.values())
    assert {name: sorted(lines[name]) for name in ("o00", "org", "p0")} == {
        "o00": ["code", "id", "meta", "resourceType", "status", "subject"],
        "org": ["id", "meta", "name", "resourceType"],
        # What says that a patient is not in use changes the meaning of all the rest.
        "p0": ["active", "id", "meta", "resourceType"],
    }


async def test_a_type_of_which_no_elements_are_named_is_whole(server: Served) -> None:
    told = await manifest(server, "/$export?_type=Organization,Observation&_elements=Observation.status")

    lines = {each["id"]: each for each in await exported(server, told)}
    assert sorted(lines["o00"]) == ["code", "id", "meta", "resourceType", "status"]
    assert sorted(lines["org"]) == ["id", "meta", "name", "resourceType"]
    assert "tag" not in lines["org"]["meta"]


async def test_the_patient_level_leaves_out_what_is_no_patients(server: Served) -> None:
    told = await manifest(server, "/Patient/$export")

    assert {file["type"] for file in told["output"]} == {"Observation", "Patient"}


async def test_patients_are_named_by_parameters(server: Served) -> None:
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "patient", "valueReference": {"reference": "Patient/p2"}},
            {"name": "_type", "valueString": "Observation"},
        ],
    }
    told = await manifest(server, "/Patient/$export", method="POST", json=parameters)

    assert ids(await exported(server, told)) == {"o20", "o21"}


async def test_an_export_may_be_posted_without_a_body(server: Served) -> None:
    told = await manifest(server, "/$export?_type=Organization", method="POST", content=b"")

    assert ids(await exported(server, told)) == {"org"}


async def test_a_group_is_its_active_members(server: Served) -> None:
    await put(
        server,
        "Group",
        "g",
        type="person",
        actual=True,
        member=[
            {"entity": {"reference": "Patient/p0"}},
            {"entity": {"reference": "Patient/p1"}, "inactive": True},
        ],
    )
    told = await manifest(server, "/Group/g/$export")

    # The group lies in the compartment of each of its members.
    assert ids(await exported(server, told)) == {"g", "p0", "o00", "o01"}
    absent = await server.http.get("/fhir/Group/none/$export", headers=ASYNC)
    assert absent.status_code == 404


async def test_a_kick_off_says_in_which_version_a_groups_members_were_read(server: Served) -> None:
    for _ in range(2):
        await put(server, "Group", "g", type="person", actual=True, member=[{"entity": {"reference": "Patient/p0"}}])
        begun = await server.http.get("/fhir/Group/g/$export", headers=ASYNC)
        read = await server.http.get("/fhir/Group/g")
        assert begun.headers["x-group-version"] == read.json()["meta"]["versionId"]


async def test_a_group_of_more_patients_than_an_export_takes_is_refused(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "PATIENTS_MAX", 2)
    everybody = [{"entity": {"reference": f"Patient/p{n}"}} for n in range(3)]
    await put(server, "Group", "g", type="person", actual=True, member=everybody)
    refused = await server.http.get("/fhir/Group/g/$export", headers=ASYNC)

    [issue] = refused.json()["issue"]
    assert (refused.status_code, issue["code"], issue["expression"]) == (400, "too-costly", ["Group.member"])


async def test_the_statement_tells_of_the_three_levels(server: Served) -> None:
    statement = (await server.http.get("/fhir/metadata")).json()
    rest = statement["rest"][0]
    of_type = {each["type"]: each.get("operation", []) for each in rest["resource"]}

    base = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition"
    assert {"name": "export", "definition": f"{base}/export"} in rest["operation"]
    assert {"name": "export", "definition": f"{base}/patient-export"} in of_type["Patient"]
    assert {"name": "export", "definition": f"{base}/group-export"} in of_type["Group"]
    assert "export" not in {each["name"] for each in of_type["Observation"]}
    assert statement["instantiates"] == ["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"]


async def test_a_caller_exports_what_the_scopes_reach_and_nobody_else_fetches_it(server: Served) -> None:
    narrow = server.as_caller("system/Observation.rs?status=final system/Patient.rs")
    told = await manifest(server, "/$export", headers=narrow)

    assert {file["type"]: file["count"] for file in told["output"]} == {"Observation": 3, "Patient": 3}
    assert ids(await exported(server, told, **narrow)) == {"p0", "p1", "p2", "o01", "o11", "o21"}
    stranger = server.as_caller("system/*.rs", subject="somebody-else", client_id="somebody-else")
    assert (await server.http.get(own(told["output"][0]["url"]), headers=stranger)).status_code == 404
    refused = await server.http.get("/fhir/$export?_type=Organization", headers=ASYNC | narrow)
    assert refused.status_code == 403


async def test_a_file_shows_only_what_the_caller_may_see_when_it_is_fetched(server: Served) -> None:
    told = await manifest(server, "/$export?_type=Observation,Patient")
    less = server.as_caller("system/Observation.rs?status=final")

    seen = await server.http.get(own(told["output"][0]["url"]), headers=less)
    assert ids([orjson.loads(line) for line in seen.content.splitlines()]) <= {"o01", "o11", "o21"}
    closed = next(file["url"] for file in told["output"] if file["type"] == "Patient")
    assert (await server.http.get(own(closed), headers=less)).status_code == 404


async def test_a_cancelled_export_is_gone(server: Served) -> None:
    begun = await server.http.get("/fhir/$export", headers=ASYNC)
    at = own(begun.headers["content-location"])

    assert (await server.http.delete(at)).status_code == 202
    assert (await server.http.get(at)).status_code == 404
    assert (await server.http.delete(at)).status_code == 404


async def test_a_job_that_was_left_is_carried_on_by_whoever_is_asked_for_it(server: Served) -> None:
    told = await manifest(server, "/$export?_type=Patient")
    id = told["output"][0]["url"].split("/")[-3]
    async with server.database.transaction() as connection:
        await connection.execute("UPDATE export_job SET state = 'running', files = '[]', leased_until = 0")

    first = await server.http.get(f"/fhir/$export-status/{id}")
    assert first.status_code == 202
    for _ in range(100):
        again = await server.http.get(f"/fhir/$export-status/{id}")
        if again.status_code == 200:
            break
        await asyncio.sleep(0.02)
    assert again.json()["output"] == told["output"]


REFUSED: dict[str, tuple[str, dict[str, str], int, str]] = {
    "without asking for the background": ("/$export", {}, 400, "required"),
    "an unknown type": ("/$export?_type=Starship", ASYNC, 400, "value"),
    "an unknown parameter": ("/$export?_foo=1", ASYNC, 400, "not-supported"),
    "another format": ("/$export?_outputFormat=text/csv", ASYNC, 400, "value"),
    "no instant": ("/$export?_since=yesterday", ASYNC, 400, "value"),
    "a filter that is none": ("/$export?_typeFilter=status", ASYNC, 400, "value"),
    "a filter by what is not there": ("/$export?_typeFilter=Patient%3Fnmae%3Dx", ASYNC, 400, "not-supported"),
    "patients of the whole system": ("/$export?patient=Patient/p1", ASYNC, 400, "not-supported"),
    "elements that are none": ("/$export?_elements=id,Patient.nmae", ASYNC, 400, "value"),
    "elements of a type that is none": ("/$export?_elements=Starship.id", ASYNC, 400, "value"),
    "elements further down": ("/$export?_elements=Patient.name.family", ASYNC, 400, "value"),
    "data beside the resources": (
        "/$export?includeAssociatedData=LatestProvenanceResources",
        ASYNC,
        400,
        "not-supported",
    ),
    "a job that never was": ("/$export-status/none", {}, 404, "not-found"),
    "a file that never was": ("/$export-file/none/Patient/0", {}, 404, "not-found"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_makes_no_sense_is_refused(server: Served, name: str) -> None:
    path, headers, status, code = REFUSED[name]
    answer = await server.http.get(f"/fhir{path}", headers=headers)

    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (status, code)


async def test_leniently_what_is_not_supported_is_left_out(server: Served) -> None:
    lenient = {"prefer": "respond-async, handling=lenient"}
    told = await manifest(server, "/$export?_type=Patient&organizeOutputBy=Patient", headers=lenient)

    assert len(await exported(server, told)) == 3


async def test_too_many_at_once_are_refused(server: Served) -> None:
    async with server.database.transaction() as connection:
        for number in range(5):
            await connection.execute(
                "INSERT INTO export_job (id, subject, client, request, asked, snapshot, instant, state, files,"
                " expires, leased_until) SELECT $1, $2, $3, '', '{}', 0, 0, 'running', '[]', $4, $4",
                f"j{number}",
                "test-subject",
                "test-client",
                2**61,
            )
    answer: httpx.Response = await server.http.get("/fhir/$export", headers=ASYNC)

    assert answer.status_code == 429
    assert answer.json()["issue"][0]["code"] == "throttled"
