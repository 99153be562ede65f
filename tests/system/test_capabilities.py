"""Everything that `metadata` says works, works: each interaction, parameter, include and operation of each type."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.platform import Platform
from tests.system.access import Access
from tests.system.smallest import smallest

pytestmark = pytest.mark.slow

_FHIR = {"content-type": "application/fhir+json"}
_VALUES = {
    "number": "1",
    "date": "2026",
    "string": "x",
    "token": "x",
    "reference": "Patient/x",
    "quantity": "1",
    "uri": "http://example.org/x",
    "special": "51.5|-0.1|10|km",
}
# Parameters whose value has a form of its own.
_VALUES_OF = {
    "_list": "List/walked",
    "_elements": "id",
    "_include": "Observation:subject",
    "_revinclude": "Observation:encounter",
    "_sort": "_id",
    "_summary": "true",
    "_total": "none",
    "_type": "Observation,Encounter",
}


@dataclass(frozen=True)
class Walk:
    """A platform, what it says of itself, and someone with every right; `log` is who may read the access log."""

    fhir: httpx.Client
    log: httpx.Client
    rest: dict[str, Any]

    @property
    def resources(self) -> list[dict[str, Any]]:
        resources: list[dict[str, Any]] = self.rest["resource"]
        return resources

    def who(self, type_name: str) -> httpx.Client:
        return self.log if type_name == "AuditEvent" else self.fhir


@pytest.fixture(scope="module", params=["platform", pytest.param("platform_on_servers", marks=pytest.mark.servers)])
def walk(request: pytest.FixtureRequest) -> Iterator[Walk]:
    running: Platform = request.getfixturevalue(request.param)
    access = Access(running.demo)
    log_token = access.user_token("admin", scope="openid user/AuditEvent.rs")
    with access.fhir(access.client_token()) as fhir, access.fhir(log_token) as log:
        yield Walk(fhir, log, fhir.get("metadata").json()["rest"][0])


def test_every_interaction_of_every_type_works(walk: Walk) -> None:
    refused = [told for resource in walk.resources for told in _interactions(walk.who(resource["type"]), resource)]

    assert not refused, "\n".join(refused)


def test_every_search_parameter_of_every_type_finds_or_finds_nothing(walk: Walk) -> None:
    refused = [
        f"{resource['type']}?{parameter['name']}={value}: {answer.status_code} {answer.text[:200]}"
        for resource in walk.resources
        for parameter in resource["searchParam"]
        for value in (_value(parameter),)
        for answer in (
            walk.who(resource["type"]).get(resource["type"], params={parameter["name"]: value, "_count": "1"}),
        )
        if answer.status_code != 200
    ]

    assert not refused, "\n".join(refused)


def test_every_search_parameter_of_the_whole_system_is_answered(walk: Walk) -> None:
    every = {"_type": "Observation,Encounter", "_count": "1"}
    answers = {
        parameter["name"]: walk.fhir.get("", params=every | {parameter["name"]: _value(parameter)})
        for parameter in walk.rest["searchParam"]
    }

    assert len(answers) > 10
    assert {name: answer.text[:200] for name, answer in answers.items() if answer.status_code != 200} == {}


def test_every_include_of_every_type_is_followed(walk: Walk) -> None:
    refused = [
        f"{resource['type']}?{name}={value}: {answer.status_code} {answer.text[:200]}"
        for resource in walk.resources
        for name, values in (
            ("_include", resource.get("searchInclude", [])),
            ("_revinclude", resource.get("searchRevInclude", [])),
        )
        for value in values
        for answer in (walk.fhir.get(resource["type"], params={name: value, "_count": "1"}),)
        if answer.status_code != 200
    ]

    assert not refused, "\n".join(refused)


def test_every_interaction_of_the_whole_system_works(walk: Walk) -> None:
    asked = {
        "transaction": lambda: walk.fhir.post("", json=_bundle("transaction"), headers=_FHIR),
        "batch": lambda: walk.fhir.post("", json=_bundle("batch"), headers=_FHIR),
        "search-system": lambda: walk.fhir.get("", params={"_type": "Patient,Observation", "_count": "1"}),
        "history-system": lambda: walk.fhir.get("_history", params={"_count": "1"}),
    }
    codes = {each["code"] for each in walk.rest["interaction"]}

    assert codes <= asked.keys()
    assert {code: asked[code]().status_code for code in codes} == dict.fromkeys(codes, 200)


def test_every_operation_is_there(walk: Walk) -> None:
    """What an operation does has its own tests: here only that the address answers as one that has it."""
    addresses = [
        *(f"${each['name']}" for each in walk.rest.get("operation", [])),
        *(f"{r['type']}/${each['name']}" for r in walk.resources for each in r.get("operation", [])),
    ]
    missing = [
        address
        for address in addresses
        for answers in ([walk.fhir.get(address), walk.fhir.get(address.replace("/$", "/walked/$"))],)
        if all(_is_missing(answer) for answer in answers)
    ]

    assert addresses
    assert not missing


def _is_missing(answer: httpx.Response) -> bool:
    return answer.status_code == 404 and answer.json()["issue"][0]["code"] == "not-supported"


def _interactions(fhir: httpx.Client, resource: dict[str, Any]) -> Iterator[str]:
    type_name = resource["type"]
    codes = {each["code"] for each in resource["interaction"]}
    if "create" not in codes:
        yield from _reading(fhir, type_name, codes)
        return
    body = smallest(type_name, patient="Patient/p1")
    made = fhir.post(type_name, json=body, headers=_FHIR)
    if made.status_code != 201:
        yield f"{type_name}: create: {made.status_code} {made.text[:300]}"
        return
    id = made.json()["id"]
    changed = {**body, "id": id, "language": "en"}
    patch = [{"op": "add", "path": "/language", "value": "de"}]
    asked: dict[str, httpx.Response] = {
        "create": made,
        "read": fhir.get(f"{type_name}/{id}"),
        "vread": fhir.get(f"{type_name}/{id}/_history/1"),
        "update": fhir.put(f"{type_name}/{id}", json=changed, headers=_FHIR),
        "patch": fhir.patch(f"{type_name}/{id}", json=patch, headers={"content-type": "application/json-patch+json"}),
        "history-instance": fhir.get(f"{type_name}/{id}/_history"),
        "history-type": fhir.get(f"{type_name}/_history", params={"_count": "1"}),
        "search-type": fhir.get(type_name, params={"_id": id}),
        "delete": fhir.delete(f"{type_name}/{id}"),
    }
    yield from (f"{type_name}: unknown interaction {code}" for code in codes - asked.keys())
    for code in sorted(codes & asked.keys()):
        if asked[code].status_code not in (200, 201, 204):
            yield f"{type_name}: {code}: {asked[code].status_code} {asked[code].text[:300]}"


def _reading(fhir: httpx.Client, type_name: str, codes: set[str]) -> Iterator[str]:
    """Of a type that is written by what happens: that we are signed in has made one."""
    found = fhir.get(type_name, params={"_count": "1"})
    entries = found.json().get("entry", [])
    if codes != {"read", "search-type"} or found.status_code != 200 or not entries:
        yield f"{type_name}: {sorted(codes)}: {found.status_code} {found.text[:300]}"
        return
    read = fhir.get(f"{type_name}/{entries[0]['resource']['id']}")
    if read.status_code != 200:
        yield f"{type_name}: read: {read.status_code} {read.text[:300]}"


def _value(parameter: dict[str, Any]) -> str:
    name, kind = parameter["name"], parameter["type"]
    if name in _VALUES_OF:
        return _VALUES_OF[name]
    if kind == "composite":
        # Every composite of R4 begins with a token; what follows is tried in turn by the engine's own tests.
        return "x$1" if not any(word in name for word in ("date", "period")) else "x$2026"
    return _VALUES[kind]


def _bundle(type_code: str) -> dict[str, Any]:
    entry = {"request": {"method": "GET", "url": "Patient/p1"}}
    return {"resourceType": "Bundle", "type": type_code, "entry": [entry]}
