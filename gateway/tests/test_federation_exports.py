"""One bulk export over two owners: https://hl7.org/fhir/uv/bulkdata/STU2/export.html"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from bedside.fhir.bulk import members
from bedside.gateway.federation.exports.manifests import merged
from bedside.gateway.federation.side_by_side import SideBySide, side_by_side
from bedside.gateway.federation.testing import PUBLIC, Asked, GatewayInFront, Reply, StandIn
from bedside.identity import LoginRefused

pytestmark = pytest.mark.slow

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]
ASYNC = {"prefer": "respond-async"}


def observation(id: str, patient: str, status: str = "final") -> dict[str, Any]:
    made = {"resourceType": "Observation", "id": id, "status": status, "code": {"text": "x"}}
    return {**made, "subject": {"reference": f"Patient/{patient}"}}


def group(*members: str, id: str = "g") -> dict[str, Any]:
    said = [{"entity": {"reference": f"Patient/{each}"}} for each in members]
    made = {"resourceType": "Group", "id": id, "type": "person", "actual": True}
    return {**made, "member": said} if said else made


@pytest.fixture(params=DATABASES)
async def both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SideBySide]:
    """Three patients with two observations each, an organization, a group of two; files of at most four resources."""
    async with side_by_side(request.param, tmp_path, export_file_max=4) as running:
        for number in range(3):
            await running.put({"resourceType": "Patient", "id": f"p{number}", "active": True})
            await running.put(observation(f"o{number}0", f"p{number}", "preliminary"))
            await running.put(observation(f"o{number}1", f"p{number}"))
        await running.put({"resourceType": "Organization", "id": "org", "name": "Ward"}, group("p0", "p1"))
        yield running


def own(url: str) -> str:
    """A link of the base as `ask` takes it."""
    assert url.startswith(PUBLIC)
    return url.removeprefix(PUBLIC)


async def manifest(ask: Any, path: str, body: Any = None, **asked: Any) -> dict[str, Any]:
    """Begun, waited for, done. `ask` is the gateway's or the single server's."""
    method = "GET" if body is None else "POST"
    begun = await ask(method, path, body, headers=ASYNC | asked.pop("headers", {}), **asked)
    assert begun.status_code == 202, begun.text
    return await ended(ask, own(begun.headers["content-location"]), **asked)


async def ended(ask: Any, at: str, **asked: Any) -> dict[str, Any]:
    for _ in range(300):
        told: httpx.Response = await ask("GET", at, **asked)
        if told.status_code != 202:
            assert told.status_code == 200, told.text
            done: dict[str, Any] = told.json()
            return done
        assert told.headers["retry-after"] == "1"
        assert "of" in told.headers["x-progress"] or told.headers["x-progress"] == "under way"
        await asyncio.sleep(0.02)
    raise AssertionError("the export did not end")


async def exported(ask: Any, told: dict[str, Any], kind: str = "output", **asked: Any) -> list[dict[str, Any]]:
    resources = []
    for file in told[kind]:
        sent = await ask("GET", own(file["url"]), headers={"accept": "application/fhir+ndjson"}, **asked)
        assert sent.status_code == 200, sent.text
        assert sent.headers["content-type"].startswith("application/fhir+ndjson")
        lines = [orjson.loads(line) for line in sent.content.splitlines()]
        assert len(lines) == file["count"] or kind == "deleted"
        resources += lines
    return resources


def shape(told: dict[str, Any]) -> list[tuple[str, int]]:
    return sorted((file["type"], file["count"]) for file in told["output"])


def ids(resources: list[dict[str, Any]]) -> set[str]:
    return {each["id"] for each in resources}


def named(*patients: str, **texts: str) -> dict[str, Any]:
    said: list[dict[str, Any]] = [
        {"name": "patient", "valueReference": {"reference": f"Patient/{each}"}} for each in patients
    ]
    said += [{"name": name, "valueString": value} for name, value in texts.items()]
    return {"resourceType": "Parameters", "parameter": said}


ALIKE: dict[str, tuple[str, Any]] = {
    "everything": ("/$export", None),
    "types of both owners": ("/$export?_type=Patient,Observation", None),
    "types of one": ("/$export?_type=Organization", None),
    "filters of each owner's types": (
        "/$export?_type=Patient,Observation&_typeFilter=Observation%3Fstatus%3Dfinal&_typeFilter=Patient%3F_id%3Dp0,p1",
        None,
    ),
    "elements": ("/$export?_type=Patient,Observation&_elements=Observation.subject,id", None),
    "all patients": ("/Patient/$export", None),
    "some patients": ("/Patient/$export", named("p2", "p0")),
    "some types of some patients": ("/Patient/$export", named("p2", _type="Observation")),
    "a type that is no patient's": ("/Patient/$export?_type=Organization", None),
    "a group": ("/Group/g/$export", None),
    "a type of a group": ("/Group/g/$export?_type=Observation", None),
    "a filter in a group": ("/Group/g/$export", named(_typeFilter="Observation?status=final")),
    "one patient of a group": ("/Group/g/$export", named("p1", "p2")),
    "nobody of a group": ("/Group/g/$export", named("p2")),
    "since always": ("/$export?_since=2020-01-01T00:00:00Z", None),
}


@pytest.mark.parametrize("name", ALIKE)
async def test_an_export_has_what_one_servers_has(both: SideBySide, name: str) -> None:
    path, body = ALIKE[name]
    composed = await manifest(both.ask, path, body)
    alone = await manifest(both.ask_one, path, body)

    assert shape(composed) == shape(alone)
    assert (composed["request"], composed["requiresAccessToken"]) == (f"{PUBLIC}{path}", True)
    assert composed["deleted"] == composed["error"] == []
    lines = await exported(both.ask, composed)
    assert ids(lines) == ids(await exported(both.ask_one, alone))
    assert [sorted(each) for each in sorted(lines, key=lambda each: str(each["id"]))] == [
        sorted(each) for each in sorted(await exported(both.ask_one, alone), key=lambda each: str(each["id"]))
    ]


async def test_a_line_is_the_resource_as_it_is_read(both: SideBySide) -> None:
    told = await manifest(both.ask, "/$export?_type=Organization")
    read = await both.ask("GET", "/Organization/org")

    assert (await both.ask("GET", own(told["output"][0]["url"]))).content == read.content + b"\n"


async def test_an_export_goes_on_from_the_one_before_at_both_owners(both: SideBySide) -> None:
    before = await manifest(both.ask, "/$export")
    await both.ask("PUT", "/Patient/new", {"resourceType": "Patient", "id": "new"})
    await both.ask("PUT", "/Observation/late", observation("late", "new"))
    await both.ask("DELETE", "/Observation/o00")
    await both.ask("DELETE", "/Organization/org")
    after = await manifest(both.ask, f"/$export?_since={before['transactionTime']}")

    # What stood at that very instant may come twice; nothing is missed.
    assert {"new", "late"} <= ids(await exported(both.ask, after))
    gone = await exported(both.ask, after, "deleted")
    assert {entry["request"]["url"] for bundle in gone for entry in bundle["entry"]} == {
        "Observation/o00",
        "Organization/org",
    }
    assert datetime.fromisoformat(before["transactionTime"]) <= datetime.fromisoformat(after["transactionTime"])


async def test_a_groups_members_are_those_that_its_owner_exports(both: SideBySide) -> None:
    at = (await both.ask("GET", "/Group/g/$export", headers=ASYNC)).headers["content-location"]
    await both.put(group("p2"))

    told = await ended(both.ask, own(at))
    assert ids(await exported(both.ask, told)) == {"g", "p0", "p1", "o00", "o01", "o10", "o11"}


async def test_a_group_that_nobody_is_in_exports_nobody(both: SideBySide) -> None:
    await both.put(group(id="empty"))

    assert (await manifest(both.ask, "/Group/empty/$export"))["output"] == []


async def test_a_group_of_more_patients_than_are_handed_on_is_too_costly(
    both: SideBySide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "PATIENTS_MAX", 1)
    answer = await both.ask("GET", "/Group/g/$export", headers=ASYNC)

    [issue] = answer.json()["issue"]
    assert (answer.status_code, issue["code"], issue["expression"]) == (400, "too-costly", ["Group.member"])


async def test_what_the_scopes_reach_is_exported_and_what_is_named_beyond_is_refused(both: SideBySide) -> None:
    narrow = {"scope": "system/Observation.rs?status=final"}
    told = await manifest(both.ask, "/$export", **narrow)

    assert ids(await exported(both.ask, told, **narrow)) == {"o01", "o11", "o21"}
    refused = await both.ask("GET", "/$export?_type=Observation,Patient", headers=ASYNC, **narrow)
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (403, "forbidden")
    nothing = await both.ask("GET", "/$export", headers=ASYNC, scope="system/Observation.c")
    assert nothing.status_code == 403


async def test_an_app_of_one_patient_exports_that_patient(both: SideBySide) -> None:
    own_record = {"scope": "patient/*.rs", "patient": "p1"}
    told = await manifest(both.ask, "/Patient/$export", **own_record)

    assert ids(await exported(both.ask, told, **own_record)) == {"p1", "o10", "o11"}


async def test_nobody_else_asks_for_an_export_or_its_files(both: SideBySide) -> None:
    begun = await both.ask("GET", "/$export", headers=ASYNC)
    at = own(begun.headers["content-location"])
    told = await ended(both.ask, at)

    stranger = {"sub": "somebody-else", "client_id": "somebody-else"}
    for method, path in (("GET", at), ("DELETE", at), ("GET", own(told["output"][0]["url"]))):
        answer = await both.ask(method, path, **stranger)
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (404, "not-found")
    assert (await both.ask("GET", at)).status_code == 200


async def test_a_cancelled_export_is_gone_everywhere(both: SideBySide) -> None:
    begun = await both.ask("GET", "/$export", headers=ASYNC)
    at = own(begun.headers["content-location"])
    told = await ended(both.ask, at)

    assert (await both.ask("DELETE", at)).status_code == 202
    assert (await both.ask("GET", at)).status_code == 404
    assert (await both.ask("DELETE", at)).status_code == 404
    for file in told["output"]:
        assert (await both.ask("GET", own(file["url"]))).status_code == 404


REFUSED: dict[str, tuple[str, str, dict[str, str], Any, int, str]] = {
    "without asking for the background": ("GET", "/$export", {}, None, 400, "required"),
    "an unknown type": ("GET", "/$export?_type=Starship", ASYNC, None, 400, "value"),
    "a type that nobody keeps": ("GET", "/$export?_type=Substance", ASYNC, None, 400, "not-supported"),
    "an unknown parameter": ("GET", "/$export?_foo=1", ASYNC, None, 400, "not-supported"),
    "a filter of the first owner": (
        "GET",
        "/$export?_typeFilter=Patient%3Fnmae%3Dx",
        ASYNC,
        None,
        400,
        "not-supported",
    ),
    "a filter of the second": ("GET", "/$export?_typeFilter=Observation%3Fcdoe%3Dx", ASYNC, None, 400, "not-supported"),
    "patients of the whole system": ("GET", "/$export?patient=Patient/p1", ASYNC, None, 400, "not-supported"),
    "a body that is no JSON": ("POST", "/$export", ASYNC, b"{", 400, "structure"),
    "a body that is a list": ("POST", "/$export", ASYNC, [], 400, "structure"),
    "a body that is no Parameters": ("POST", "/$export", ASYNC, {"resourceType": "Patient"}, 400, "structure"),
    "a parameter without a name": ("POST", "/$export", ASYNC, {**named(), "parameter": [{}]}, 400, "required"),
    "a body of another kind": ("POST", "/$export", ASYNC | {"content-type": "text/csv"}, b"x", 415, "not-supported"),
    "a group that never was": ("GET", "/Group/none/$export", ASYNC, None, 404, "not-found"),
    "a group whose name is none": ("GET", "/Group/g%3F/$export", ASYNC, None, 404, "not-found"),
    "an export that never was": ("GET", "/$export-status/none", {}, None, 404, "not-found"),
    "a name that was made up": ("DELETE", f"/$export-status/{'A' * 90}", {}, None, 404, "not-found"),
    "a name beyond all bounds": ("GET", f"/$export-status/{'A' * 20_000}", {}, None, 404, "not-found"),
    "a file that never was": ("GET", "/$export-file/none/Patient/0", {}, None, 404, "not-found"),
    "a file of a type that nobody keeps": ("GET", "/$export-file/none/Starship/0", {}, None, 404, "not-found"),
    "a file elsewhere": ("GET", "/$export-file/%3Fa=b/Patient/0", {}, None, 404, "not-found"),
    "a file above": ("GET", "/$export-file/../Patient/0", {}, None, 404, "not-found"),
    "a file without a number": ("GET", "/$export-file/none/Patient/x", {}, None, 404, "not-found"),
    "a method that none has": ("PUT", "/$export", ASYNC, {}, 405, "not-supported"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_makes_no_sense_is_refused(both: SideBySide, name: str) -> None:
    method, path, headers, body, status, code = REFUSED[name]
    answer = await both.ask(method, path, body, headers=headers)

    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (status, code), answer.text


async def test_leniently_what_nobody_keeps_is_left_out(both: SideBySide) -> None:
    lenient = {"prefer": "respond-async, handling=lenient"}
    told = await manifest(both.ask, "/$export?_type=Patient,Substance&_foo=1", headers=lenient)

    assert shape(told) == [("Patient", 3)]


async def test_the_statement_of_the_base_tells_of_exports(both: SideBySide) -> None:
    statement = (await both.gateway.http.get("/fhir/metadata")).json()
    rest = statement["rest"][0]
    of_type = {each["type"]: each.get("operation", []) for each in rest["resource"]}

    base = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition"
    assert {"name": "export", "definition": f"{base}/export"} in rest["operation"]
    assert {"name": "export", "definition": f"{base}/patient-export"} in of_type["Patient"]
    assert {"name": "export", "definition": f"{base}/group-export"} in of_type["Group"]
    assert statement["instantiates"] == ["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"]


class Owner(StandIn):
    """An owner whose jobs go as they are told to."""

    def __init__(self, service: str, *, begins: int = 202, goes: tuple[int, ...] = (200,)) -> None:
        super().__init__(service, self._answered)
        self._begins = begins
        self._goes = list(goes)

    def _answered(self, asked: Asked) -> Reply:
        if asked.method == "DELETE":
            return 202, {}, {"resourceType": "OperationOutcome"}
        if asked.path.startswith("$export-status/"):
            status = self._goes.pop(0)
            told = {"transactionTime": "2026-01-01T00:00:00Z", "request": "r", "requiresAccessToken": True}
            return status, {"retry-after": "7"} if status == 202 else {}, {**told, "output": [], "error": []}
        if self._begins != 202:
            return (
                self._begins,
                {"retry-after": "9"},
                {"resourceType": "OperationOutcome", "issue": [{"code": "throttled"}]},
            )
        return 202, {"content-location": f"{PUBLIC}/$export-status/job-of-{self.service}"}, {}

    @property
    def cancelled(self) -> list[str]:
        return [each.path for each in self.asked if each.method == "DELETE"]


@pytest.mark.parametrize("status", [403, 429, 503])
async def test_when_one_owner_refuses_the_others_job_is_cancelled_and_the_refusal_told(status: int) -> None:
    patients, encounters = Owner("patients", begins=status), Owner("encounters")
    answer = await GatewayInFront(patients, encounters).ask("GET", "/$export", headers=ASYNC)

    assert (answer.status_code, answer.json()["issue"]) == (status, [{"code": "throttled"}])
    assert answer.headers["retry-after"] == "9"
    assert (encounters.cancelled, patients.cancelled) == (["$export-status/job-of-encounters"], [])


async def test_when_one_owner_is_silent_the_others_job_is_cancelled() -> None:
    encounters = Owner("encounters")
    front = GatewayInFront(Owner("patients"), encounters)
    front.silence("patients")
    answer = await front.ask("GET", "/$export", headers=ASYNC)

    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (503, "transient")
    assert encounters.cancelled == ["$export-status/job-of-encounters"]


async def test_an_export_is_under_way_until_the_last_owner_is_done() -> None:
    front = GatewayInFront(Owner("patients", goes=(200, 200)), Owner("encounters", goes=(202, 200)))
    begun = await front.ask("GET", "/$export", headers=ASYNC)
    at = own(begun.headers["content-location"])

    first = await front.ask("GET", at)
    assert first.status_code == 202
    assert (first.headers["x-progress"], first.headers["retry-after"]) == ("1 of 2 services are done", "7")
    assert (await front.ask("GET", at)).status_code == 200


async def test_an_export_that_broke_off_at_one_owner_is_told_so() -> None:
    front = GatewayInFront(Owner("patients"), Owner("encounters", goes=(503,)))
    begun = await front.ask("GET", "/$export", headers=ASYNC)

    assert (await front.ask("GET", own(begun.headers["content-location"]))).status_code == 503


async def test_owners_that_the_types_do_not_concern_are_not_asked() -> None:
    patients, encounters = Owner("patients"), Owner("encounters")
    await GatewayInFront(patients, encounters).ask("GET", "/$export?_type=Observation", headers=ASYNC)

    assert [each.path for each in encounters.asked] == ["$export?_type=Observation"]
    assert patients.asked == []


@pytest.mark.parametrize("header", [None, "Bearer not.a.token"])
@pytest.mark.parametrize("path", ["/$export", "/$export-status/x", "/$export-file/x/Patient/0"])
async def test_without_a_good_token_nothing_is_exported(header: str | None, path: str) -> None:
    sent = {"authorization": header} if header else {}
    answer = await GatewayInFront(Owner("patients"), Owner("encounters")).http.get(f"/fhir{path}", headers=sent)

    assert answer.status_code == 401


async def test_a_token_that_auth_no_longer_exchanges_is_refused() -> None:
    front = GatewayInFront(Owner("patients"), Owner("encounters"))
    front.auth.refuses = LoginRefused("invalid_grant")

    assert (await front.ask("GET", "/$export", headers=ASYNC)).status_code == 401


def test_a_merged_manifest_goes_back_to_the_earliest_time() -> None:
    def told(time: str, name: str) -> dict[str, Any]:
        head = {"transactionTime": time, "request": "r", "requiresAccessToken": True}
        return {**head, "output": [{"url": name}], "deleted": [], "error": [{"url": f"e-{name}"}]}

    assert merged([told("2026-01-01T10:00:00.500Z", "a"), told("2026-01-01T10:00:00.060Z", "b")]) == {
        "transactionTime": "2026-01-01T10:00:00.060Z",
        "request": "r",
        "requiresAccessToken": True,
        "output": [{"url": "a"}, {"url": "b"}],
        "deleted": [],
        "error": [{"url": "e-a"}, {"url": "e-b"}],
    }
