"""What a caller may not see must not show: each request is answered as if it had never been stored.

Two databases hold the same, but for what lies outside the caller's purview; whole answers are compared.
"""

import dataclasses
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from bedside.fhir.declaration import Owned, Service
from bedside.fhir.rest.testing import BASE, Served, served
from bedside.fhir.store.testing import fresh_database

pytestmark = pytest.mark.slow

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]
_TYPES = """
    Patient Practitioner Organization Encounter Observation Condition Coverage List Basic Group Task Provenance
    Binary Communication
"""
SERVICE = Service(
    "all",
    tuple(map(Owned, _TYPES.split())),
)
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
LABORATORY = f"{CATEGORY}|laboratory"
PAGES_MAX = 20
_KEPT = ("etag", "location", "last-modified", "allow", "retry-after")


class Stopped:
    """What is stored in both worlds is stored at the same time in both."""

    def __init__(self) -> None:
        self.minutes = 0

    def now(self) -> datetime:
        return datetime(2026, 1, 15, 10, self.minutes, tzinfo=UTC)


def patient(id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, "name": [{"family": f"Of-{id}"}]} | elements


def about(type_name: str, id: str, of: str, **elements: Any) -> dict[str, Any]:
    subject = {"reference": f"Patient/{of}"}
    made: dict[str, dict[str, Any]] = {
        "Observation": {"status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "1"}]}},
        "Condition": {"code": {"text": "x"}},
        "Encounter": {"status": "finished", "class": {"code": "AMB"}},
        "List": {"status": "current", "mode": "working"},
        "Basic": {"code": {"text": "x"}},
        "Communication": {"status": "completed"},
        "Coverage": {"status": "active", "beneficiary": subject, "payor": [{"reference": "Organization/org"}]},
    }
    named = {} if type_name == "Coverage" else {"subject": subject}
    return {"resourceType": type_name, "id": id} | made[type_name] | named | elements


def observation(id: str, of: str, category: str = "laboratory", **elements: Any) -> dict[str, Any]:
    categories = [{"coding": [{"system": CATEGORY, "code": category}]}]
    return about("Observation", id, of, category=categories, **elements)


IDENTIFIED = {"identifier": [{"system": "urn:ids", "value": "1"}]}
# In the order in which they are stored: what is seen and what is not alternate.
OF_MINE: tuple[dict[str, Any], ...] = (
    {"resourceType": "Organization", "id": "org", "name": "Ward"},
    {"resourceType": "Practitioner", "id": "dr", "name": [{"family": "Shah"}]},
    patient("mine", generalPractitioner=[{"reference": "Practitioner/dr"}]),
    about("Encounter", "mine-e", "mine"),
    observation("mine-1", "mine", effectiveDateTime="2026-01-03", valueString="b", **IDENTIFIED),
    observation("mine-2", "mine", effectiveDateTime="2026-01-01", performer=[{"reference": "Practitioner/dr"}]),
    observation(
        "mine-3", "mine", encounter={"reference": "Encounter/mine-e"}, hasMember=[{"reference": "Observation/mine-1"}]
    ),
    about("Condition", "mine-c", "mine"),
    about("Coverage", "mine-v", "mine"),
    about("List", "mine-l", "mine", entry=[{"item": {"reference": "Observation/other-1"}}]),
    about("Basic", "mine-b", "mine"),
)
OF_OTHER: tuple[dict[str, Any], ...] = (
    patient("other", active=True, generalPractitioner=[{"reference": "Practitioner/dr"}], **IDENTIFIED),
    about("Encounter", "other-e", "other"),
    observation("other-1", "other", effectiveDateTime="2026-01-02", valueString="a", identifier=[{"value": "secret"}]),
    observation("other-2", "other", performer=[{"reference": "Practitioner/dr"}], **IDENTIFIED),
    observation("other-3", "other", hasMember=[{"reference": "Observation/mine-1"}]),
    observation("gone", "other"),
    about("Condition", "other-c", "other"),
    about("Coverage", "other-v", "other"),
    about("List", "other-l", "other", entry=[{"item": {"reference": "Observation/mine-1"}}]),
    about("Basic", "other-b", "other"),
    {"resourceType": "Group", "id": "both", "type": "person", "actual": True,
     "member": [{"entity": {"reference": f"Patient/{id}"}} for id in ("mine", "other")]},
    {"resourceType": "Task", "id": "other-t", "status": "requested", "intent": "order",
     "for": {"reference": "Patient/other"}},
    {"resourceType": "Binary", "id": "other-i", "contentType": "text/plain",
     "securityContext": {"reference": "Patient/other"}},
)  # fmt: skip
VITALS: tuple[dict[str, Any], ...] = (
    observation("mine-9", "mine", "vital-signs", effectiveDateTime="2026-01-02", **IDENTIFIED),
    observation("other-9", "other", "vital-signs", hasMember=[{"reference": "Observation/mine-1"}]),
    observation("gone-9", "mine", "vital-signs"),
)


@dataclass(frozen=True)
class Side:
    """One caller: what of the data they see, and what is stored besides."""

    scope: str
    claims: dict[str, Any]
    seen: tuple[dict[str, Any], ...]
    hidden: tuple[dict[str, Any], ...]


# Patients' apps write little; with these roles every interaction is open, within the compartment.
_ROLES = ["physician", "pharmacist", "billing", "frontdesk"]
CONFINED = Side("patient/*.cruds", {"patient": "mine", "roles": _ROLES}, OF_MINE, OF_OTHER)
NARROWED = Side(
    f"system/Observation.cruds?category={LABORATORY} system/Patient.rs system/Practitioner.rs system/Encounter.rs"
    " system/List.rs system/Condition.rs",
    {},
    (*OF_MINE, *(each for each in OF_OTHER if each["id"] != "gone")),
    VITALS,
)


@dataclass(frozen=True)
class Worlds:
    """`full` holds everything; `alone` what the caller sees."""

    side: Side
    full: Served
    alone: Served

    async def answers(self, method: str, address: str, body: Any = None, **headers: str) -> list[Any]:
        """The same request in both, each answer with all its pages."""
        return [await self._answer(world, method, address, body, headers) for world in (self.full, self.alone)]

    async def _answer(self, world: Served, method: str, address: str, body: Any, headers: dict[str, str]) -> Any:
        caller = world.as_caller(self.side.scope, **self.side.claims)
        said: list[Any] = []
        for _ in range(PAGES_MAX):
            content = {} if body is None else {"json": body}
            answer = await world.http.request(
                method, f"/fhir/{address}".replace("/?", "?"), headers=caller | headers, **content
            )
            told = {name: answer.headers[name] for name in _KEPT if name in answer.headers}
            said.append((answer.status_code, _alike(json.dumps(told)), _alike(answer.text)))
            links = answer.json().get("link", []) if answer.text else []
            following = [link["url"] for link in links if link["relation"] == "next"]
            if not following:
                return said
            address = following[0].removeprefix(BASE).lstrip("/")
        raise AssertionError("the pages do not end")


def _alike(text: str) -> str:
    """Without what is random in every answer: new ids, and page tokens."""
    text = re.sub(r"_page=[^\"&]*", "_page=", text)
    return re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f-]{21}", "uuid", text)


def _interleaved(side: Side) -> list[dict[str, Any]]:
    # What others refer to stands first.
    first, rest = side.seen[:4], side.seen[4:]
    turns = zip_longest(side.hidden, rest)
    return [*first, *(each for turn in turns for each in turn if each is not None)]


@pytest.fixture(params=DATABASES)
async def worlds(request: pytest.FixtureRequest, tmp_path: Path, side: Side) -> AsyncIterator[Worlds]:
    async with AsyncExitStack() as stack:
        opened: list[Served] = []
        for name in ("full", "alone"):
            (tmp_path / name).mkdir()
            database = await stack.enter_async_context(fresh_database(request.param, tmp_path / name))
            clock = Stopped()
            # What is seen may refer to what is not: so it must be stored where that never was.
            loose = await stack.enter_async_context(served(SERVICE, database, clock=clock, check_references=False))
            for clock.minutes, resource in enumerate(_interleaved(side)):
                if name == "full" or resource in side.seen:
                    at = f"/fhir/{resource['resourceType']}/{resource['id']}"
                    assert (await loose.http.put(at, json=resource)).status_code == 201
                    if resource in side.hidden:
                        await loose.http.put(at, json=resource | {"language": "en"})
                    if resource["id"].startswith("gone"):
                        await loose.http.delete(at)
            clock.minutes = 50
            opened.append(await stack.enter_async_context(served(SERVICE, database, clock=clock)))
        yield Worlds(side, *opened)


READS = """
    Observation Observation?_total=accurate Observation?_summary=count Observation?_count=0 Observation?_count=1
    Observation?_sort=date&_count=1 Observation?_sort=-date&_count=1&_total=accurate
    Observation?_sort=-_lastUpdated,code&_count=2 Observation?_sort=_id&_count=1 Observation?_elements=status
    Observation?_summary=true Observation?code=1 Observation?code=http://loinc.org|1&_total=accurate
    Observation?code:not=2 Observation?category:not=laboratory Observation?category=vital-signs
    Observation?value-string:missing=true Observation?performer:missing=false Observation?identifier=secret
    Observation?identifier=urn:ids|1&_total=accurate Observation?_id=mine-1,other-1,mine-9,none
    Observation?subject=Patient/other Observation?subject=Patient/none Observation?patient=mine
    Observation?subject:Patient.name=of-other Observation?subject.name=of Observation?patient.active=true
    Observation?encounter.subject:Patient.name=of-mine Observation?has-member.code=1
    Observation?has-member.category=vital-signs Observation?_has:Observation:has-member:code=1
    Observation?_has:Observation:has-member:category=vital-signs Observation?date=ge2026-01-02
    Observation?_lastUpdated=ge2020 Observation?_include=* Observation?_include=Observation:subject
    Observation?_include=Observation:has-member Observation?_revinclude=Observation:has-member
    Observation?_revinclude=List:item Observation?_include:iterate=Observation:has-member&_revinclude=List:item
    Patient Patient?_total=accurate Patient?name=of Patient?_has:Observation:subject:code=1
    Patient?_has:Observation:subject:category=vital-signs
    Patient?_has:Observation:patient:_has:List:item:_id=other-l Patient?_has:Observation:patient:identifier=secret
    Patient?_revinclude=Observation:subject
    Patient?_revinclude=Observation:subject&_revinclude=Condition:subject&_total=accurate
    Patient?_sort=family&_count=1 Patient?general-practitioner=Practitioner/dr
    Patient?general-practitioner.name=shah Practitioner Practitioner?_has:Patient:general-practitioner:name=of-other
    Practitioner?_revinclude=Observation:performer Practitioner?_has:Observation:performer:patient=other
    Practitioner?_revinclude=Patient:general-practitioner Organization?_revinclude=Coverage:payor Encounter
    Encounter?_revinclude=Observation:encounter Condition Coverage List List?item=Observation/other-1
    List?item:Observation.code=1 List?_include=List:item Basic Group Group?member=Patient/other Task Provenance
    Binary Communication Medication AuditEvent
    ?_type=Observation,Patient ?_total=accurate&_count=3 ?_type=Patient,List&_sort=_id&_count=1 ?_lastUpdated=ge2020
    Patient/mine/Observation Patient/mine/Observation?_total=accurate&code=1 Patient/other/Observation
    Patient/none/Observation Patient/other/Condition?_summary=count Encounter/other-e/Observation
    Encounter/mine-e/Observation Encounter/none/Observation Practitioner/dr/Observation Practitioner/dr/*
    Observation/_history Observation/_history?_count=1 Patient/_history?_count=2 Patient/_history?_since=2026-01-01
    _history _history?_count=3 Group/_history Observation?_asOf=2026-01-15T10:40:00Z&_total=accurate
    Observation?_asOf=2026-01-15T10:08:00Z&_total=accurate Patient?_asOf=2026-01-15T10:40:00Z&_count=1&_sort=_id
    Observation?code:text=x Observation?identifier:of-type=a|b|c Observation?_text=x Observation?_content=a
    Observation?_list=other-l Observation?_list=mine-l Observation?_elements=status&_count=1&_sort=date
    Observation?_summary=text Observation?subject:identifier=urn:ids|1 Observation?subject:Patient._id=other
    Observation?category:in=http://hl7.org/fhir/ValueSet/observation-category&_total=accurate
"""
HIDDEN = """
    Patient/other Observation/other-1 Observation/gone Observation/gone-9 Observation/mine-9 Observation/none
    Condition/other-c Encounter/other-e Coverage/other-v List/other-l Basic/other-b Group/both Task/other-t
    Binary/other-i Observation/mine-1 Patient/mine
"""
BELOW = """
    /_history /_history?_count=1 /_history/1 /_history/2 /_history/3 /_history/9 /$everything /$meta /$graph
    ?_asOf=2026-01-15T10:40:00Z ?_asOf=2026-01-15T10:08:00Z /Observation /*
"""
SIDES = pytest.mark.parametrize("side", [CONFINED, NARROWED], ids=["confined", "narrowed"])


@SIDES
async def test_a_search_is_answered_as_if_the_rest_were_not_there(worlds: Worlds) -> None:
    for address in READS.split():
        full, alone = await worlds.answers("GET", address)
        assert full == alone, address
        assert full[0][0] in (200, 400, 403, 404), (address, full)


@pytest.mark.parametrize("side", [dataclasses.replace(CONFINED, scope="system/*.cruds", claims={})], ids=["all"])
async def test_whoever_may_see_everything_is_answered_otherwise(worlds: Worlds) -> None:
    told_apart = 0
    for address in READS.split():
        full, alone = await worlds.answers("GET", address)
        told_apart += full != alone
    assert told_apart > len(READS.split()) * 0.6


@SIDES
async def test_an_estimate_does_not_tell_how_much_lies_between(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bedside.fhir.search.counting.COUNTED_MAX", 2)
    full, alone = await worlds.answers("GET", "Observation?_total=estimate&_count=1")
    assert full == alone


@SIDES
async def test_a_read_is_answered_as_if_the_rest_were_not_there(worlds: Worlds) -> None:
    for address in HIDDEN.split():
        for below in ("", *BELOW.split()):
            full, alone = await worlds.answers("GET", address + below)
            assert full == alone, address + below
            conditional = await worlds.answers("GET", address + below, **{"if-none-match": 'W/"2"'})
            assert conditional[0] == conditional[1], address + below
        assert (await worlds.answers("HEAD", address))[0] == (await worlds.answers("HEAD", address))[1]


_WRITES = [
    (method, headers)
    for method in ("PUT", "DELETE")
    for headers in (
        {},
        {"if-match": 'W/"1"'},
        {"if-match": 'W/"2"'},
        {"if-match": 'W/"9"'},
        *([{"if-none-match": "*"}] if method == "PUT" else []),
    )
]


@SIDES
async def test_no_write_tells_what_is_outside(worlds: Worlds) -> None:
    for resource in (*worlds.side.hidden, observation("none", "mine")):
        address = f"{resource['resourceType']}/{resource['id']}"
        own = observation(resource["id"], "mine") if resource["resourceType"] == "Observation" else resource
        for method, headers in _WRITES:
            for body in (own, resource) if method == "PUT" else (None,):
                full, alone = await worlds.answers(method, address, body, **headers)
                assert full == alone, (method, address, headers)
                assert full[0][0] >= 400, (method, address, headers, full)
        full, alone = await worlds.answers("DELETE", f"{address}?_cascade=delete")
        assert full == alone, address
        patch = [{"op": "add", "path": "/language", "value": "en"}]
        json_patch = {"content-type": "application/json-patch+json"}
        full, alone = await worlds.answers("PATCH", address, patch, **json_patch)
        assert full == alone, address


@SIDES
async def test_no_reference_tells_what_is_outside(worlds: Worlds) -> None:
    for resource in worlds.side.hidden:
        address = f"{resource['resourceType']}/{resource['id']}"
        element = "hasMember" if resource["resourceType"] == "Observation" else "focus"
        referring = _new(**{element: [{"reference": address}]})
        full, alone = await worlds.answers("POST", "Observation", referring)
        assert full == alone, address
        assert full[0][0] == 422, address


_CRITERIA = """
    identifier=secret identifier=urn:ids|1 code=1 _id=other-1 _id=mine-9 subject:Patient.name=of-other
    subject=Patient/other has-member.category=vital-signs category=vital-signs
"""


@SIDES
@pytest.mark.parametrize("criteria", _CRITERIA.split())
async def test_no_condition_tells_what_is_outside(worlds: Worlds, criteria: str) -> None:
    mine = _new()
    referring = _new(hasMember=[{"reference": f"Observation?{criteria}"}])
    entries = [
        {"resource": mine, "request": {"method": "POST", "url": "Observation", "ifNoneExist": criteria}},
        {"request": {"method": "GET", "url": f"Observation?{criteria}"}},
    ]
    for method, address, body, headers in (
        ("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [_posted(referring)]}, {}),
        ("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries}, {}),
        ("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries}, {}),
        ("POST", "Observation", mine, {"if-none-exist": criteria}),
        ("PUT", f"Observation?{criteria}", mine, {}),
        ("DELETE", f"Observation?{criteria}", None, {}),
    ):
        full, alone = await worlds.answers(method, address, body, **headers)
        assert full == alone, (method, address)


def _new(**elements: Any) -> dict[str, Any]:
    made = observation("x", "mine", **elements)
    del made["id"]
    return made


def _posted(resource: dict[str, Any]) -> dict[str, Any]:
    return {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}
