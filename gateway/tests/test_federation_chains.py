"""Chains and `_has` that cross owners find what one server with everything finds. On both databases."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from bedside.gateway.federation import semi_joins
from bedside.gateway.federation.side_by_side import SideBySide, side_by_side

pytestmark = pytest.mark.slow

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(params=DATABASES)
async def both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SideBySide]:
    async with side_by_side(request.param, tmp_path) as running:
        yield running


def patient(id: str, family: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, "name": [{"family": family}], **elements}


def observation(id: str, subject: str, code: str = "hr", **elements: Any) -> dict[str, Any]:
    coded = {"coding": [{"system": "http://loinc.org", "code": code}]}
    made = {"resourceType": "Observation", "id": id, "status": "final", "code": coded}
    return {**made, "subject": {"reference": subject}, **elements}


def encounter(id: str, subject: str, ward: str, status: str = "in-progress") -> dict[str, Any]:
    kind = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}
    place = {"location": {"reference": f"Location/{ward}"}}
    made = {"resourceType": "Encounter", "id": id, "status": status, "class": kind, "location": [place]}
    return {**made, "subject": {"reference": subject}}


WARD = [
    {"resourceType": "Organization", "id": "trust", "name": "Leeds Trust"},
    {"resourceType": "Location", "id": "w1", "name": "Ward One",
     "managingOrganization": {"reference": "Organization/trust"}},
    {"resourceType": "Location", "id": "w2", "name": "Ward Two"},
    {"resourceType": "Practitioner", "id": "shah", "name": [{"family": "Shah"}]},
    patient("p1", "Okafor", gender="female", generalPractitioner=[{"reference": "Practitioner/shah"}]),
    patient("p2", "Okafor-Lee", gender="male", managingOrganization={"reference": "Organization/trust"}),
    patient("p3", "Novak", gender="male", birthDate="1980-02-03"),
    {"resourceType": "Group", "id": "g1", "type": "person", "actual": True, "name": "Okafor family",
     "member": [{"entity": {"reference": "Patient/p1"}}]},
    {"resourceType": "Device", "id": "d1", "deviceName": [{"name": "Monitor", "type": "user-friendly-name"}],
     "patient": {"reference": "Patient/p3"}},
    encounter("e1", "Patient/p1", "w1"),
    encounter("e2", "Patient/p3", "w2", status="finished"),
    observation("o1", "Patient/p1", encounter={"reference": "Encounter/e1"},
                performer=[{"reference": "Practitioner/shah"}]),
    observation("o2", "Patient/p2", code="bp"),
    observation("o3", "Patient/p3", encounter={"reference": "Encounter/e2"}, device={"reference": "Device/d1"}),
    observation("o4", "Group/g1"),
    observation("o5", "Patient/p1", code="bp"),
    {"resourceType": "List", "id": "l1", "status": "current", "mode": "working",
     "entry": [{"item": {"reference": name}} for name in ("Patient/p1", "Patient/p3", "Observation/o1")]},
]  # fmt: skip


def matches(bundle: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (each["search"]["mode"], f"{each['resource']['resourceType']}/{each['resource'].get('id')}")
        for each in bundle.get("entry", [])
    ]


ALIKE = [
    # chains of one link, typed and not, with modifiers, prefixes, lists and several at once
    "Observation?subject:Patient.name=okafor",
    "Observation?subject:Patient.name=nobody",
    "Observation?patient.name=okafor",
    "Observation?subject.name=okafor",
    "Observation?subject.name=okafor,novak",
    "Observation?subject:Group.identifier:missing=true",
    "Observation?subject:Patient.name:exact=Okafor",
    "Observation?subject:Patient.name:contains=lee",
    "Observation?subject:Patient.gender:not=male",
    "Observation?subject:Patient.birthdate=ge1980",
    "Observation?subject:Patient.birthdate:missing=true",
    "Observation?subject:Patient._id=p1,p3",
    "Observation?subject:Patient._id=p1&subject:Patient.name=novak",
    "Observation?subject:Patient.name=okafor&code=bp",
    "Observation?subject:Patient.name=okafor&performer:Practitioner.name=shah",
    "Observation?subject:Patient._has:Encounter:subject:status=finished",
    "Observation?performer.name=shah",
    # several links, within an owner and back and forth
    "Observation?subject:Patient.general-practitioner:Practitioner.name=shah",
    "Observation?subject:Patient.organization.name=leeds",
    "Observation?encounter.location.name=ward%20one",
    "Observation?encounter:Encounter.location:Location.organization.name=leeds",
    "Observation?encounter.subject:Patient.name=novak",
    "Observation?device.patient.name=novak",
    "Encounter?location.name=ward",
    "Encounter?location.name=ward&subject:Patient.gender=female",
    # reverse
    "Patient?_has:Observation:patient:code=hr",
    "Patient?_has:Observation:subject:code=http://loinc.org|bp",
    "Patient?_has:Observation:subject:code=none",
    "Patient?_has:Observation:patient:code=hr&_has:Observation:patient:code=bp",
    "Patient?_has:Observation:patient:code=hr&name=okafor",
    "Patient?_has:Observation:patient:encounter.location.name=ward%20two",
    "Patient?_has:Observation:patient:_has:Provenance:target:_id=x",
    "Patient?_has:Encounter:subject:_has:Observation:encounter:code=hr",
    "Patient?_has:Group:member:_has:Observation:subject:code=hr",
    "Practitioner?_has:Observation:performer:subject:Patient.name=okafor",
    "Practitioner?_has:Patient:general-practitioner:_has:Observation:subject:code=bp",
    "Location?_has:Encounter:location:subject:Patient.name=novak",
    "Patient?general-practitioner._has:Observation:performer:code=hr",
    # shapes of the answer
    "Observation?subject:Patient.name=okafor&_total=accurate&_count=1",
    "Observation?subject:Patient.name=nobody&_total=accurate",
    "Observation?subject:Patient.name=okafor&_summary=count",
    "Observation?subject:Patient.name=okafor&_count=0",
    "Observation?subject:Patient.name=okafor&_sort=_id",
    "Observation?subject:Patient.name=okafor&_sort=-code",
    "Observation?subject:Patient.name=okafor&_include=Observation:encounter",
    "Observation?subject:Patient.name=okafor&_include=Observation:performer&_include=Observation:encounter",
    "Patient?_has:Observation:patient:code=bp&_revinclude=Observation:subject",
]  # fmt: skip


async def test_what_crosses_owners_finds_what_one_server_finds(both: SideBySide) -> None:
    await both.put(*WARD)
    for query in ALIKE:
        federated, single = await both.ask("GET", f"/{query}"), await both.ask_one("GET", f"/{query}")
        assert (federated.status_code, single.status_code) == (200, 200), (query, federated.text, single.text)
        told, expected = federated.json(), single.json()
        in_order = [each for each in matches(told) if each[0] == "match"]
        assert in_order == [each for each in matches(expected) if each[0] == "match"], query
        assert sorted(matches(told)) == sorted(matches(expected)), query
        assert told.get("total") == expected.get("total"), query
        assert shown_query(told, "self") == shown_query(expected, "self"), query


async def test_a_list_of_another_owner_is_read_there(both: SideBySide) -> None:
    await both.put(*WARD)
    table = {
        "Patient?_list=l1": ["Patient/p3", "Patient/p1"],
        "Patient?_list=l1&gender=male": ["Patient/p3"],
        "Patient?_list=nothing": [],
        "Observation?subject:Patient._list=l1&code=bp": ["Observation/o5"],
    }
    for query, expected in table.items():
        answer = (await both.ask("GET", f"/{query}")).json()
        assert [name for _, name in matches(answer)] == expected, query
        assert shown_query(answer, "self") == sorted(parse_qsl(query.partition("?")[2])), query


def shown_query(bundle: dict[str, Any], relation: str) -> list[tuple[str, str]] | None:
    url = next((link["url"] for link in bundle["link"] if link["relation"] == relation), None)
    return None if url is None else sorted(parse_qsl(url.partition("?")[2]))


REFUSED = [
    "Observation?subject:Patient.colour=red",
    "Observation?subject:Patient.birthdate=yesterday",
    "Observation?subject:Starship.name=x",
    "Observation?subject:Practitioner.name=x",
    "Observation?colour.name=x",
    "Observation?subject:Patient.name=",
    "Observation?subject.nothing=x",
    "Patient?_has:Observation:patient:colour=red",
    "Patient?_has:Observation:performer.code=x",
    "Patient?_has:Observation:encounter:code=x",
    "Patient?_has:Starship:patient:code=x",
    "Patient?_has:Observation=x",
    "Observation?subject:Patient.general-practitioner:Practitioner._has:Observation:performer:subject:Patient.organization.name=x",
]


async def test_what_one_server_refuses_is_refused_here(both: SideBySide) -> None:
    for query in REFUSED:
        federated, single = await both.ask("GET", f"/{query}"), await both.ask_one("GET", f"/{query}")
        assert (federated.status_code, single.status_code) == (400, 400), (query, federated.text, single.text)
        assert federated.json()["resourceType"] == "OperationOutcome"


async def test_a_search_by_post_finds_the_same(both: SideBySide) -> None:
    await both.put(*WARD)
    answer = await both.ask("POST", "/Observation/_search?code=bp", b"subject%3APatient.name=okafor", headers=FORM)
    assert matches(answer.json()) == [("match", "Observation/o5"), ("match", "Observation/o2")]


async def test_pages_keep_to_what_the_first_one_saw(both: SideBySide) -> None:
    await both.put(patient("p1", "Okafor"), patient("p2", "Okafor"), patient("p3", "Novak"))
    await both.put(*(observation(f"o{n}", f"Patient/p{n % 3 + 1}") for n in range(6)))
    first = (await both.ask("GET", "/Observation?subject:Patient.name=okafor&_count=1")).json()
    # Were the patients searched again, p1 would be lost and p3 won.
    await both.put(patient("p1", "Smith"), patient("p3", "Okafor"), observation("o6", "Patient/p2"))
    seen, page = matches(first), first
    while following := next((link["url"] for link in page["link"] if link["relation"] == "next"), None):
        answer = await both.ask("GET", following.partition("/fhir")[2])
        assert answer.status_code == 200, answer.text
        page = answer.json()
        seen += matches(page)
    assert [name for _, name in seen] == ["Observation/o4", "Observation/o3", "Observation/o1", "Observation/o0"]


async def test_every_hop_looks_back_to_the_instant_that_was_asked_for(both: SideBySide) -> None:
    await both.put(patient("p1", "Okafor"), patient("p2", "Novak"))
    await both.put(observation("o1", "Patient/p1"), observation("o2", "Patient/p2"))
    seen = (await both.ask("GET", "/Observation/o2")).json()["meta"]["lastUpdated"]
    await asyncio.sleep(0.01)
    await both.put(patient("p1", "Smith"), patient("p2", "Okafor"))
    past = seen.replace("+", "%2B")
    for query, name in ((f"_asOf={past}&", "Observation/o1"), ("", "Observation/o2")):
        answer = await both.ask("GET", f"/Observation?{query}subject:Patient.name=okafor")
        assert [each for _, each in matches(answer.json())] == [name]


async def test_a_page_is_its_callers_and_its_querys_alone(both: SideBySide) -> None:
    await both.put(*WARD)
    query = "/Observation?subject:Patient.name=okafor&_count=1"
    page = shown_query((await both.ask("GET", query)).json(), "next")
    assert page is not None
    token = dict(page)["_page"]
    assert (await both.ask("GET", f"{query}&_page={token}")).status_code == 200
    others = {
        "another caller": await both.ask("GET", f"{query}&_page={token}", subject="somebody-else"),
        "another query": await both.ask("GET", f"{query.replace('okafor', 'novak')}&_page={token}"),
        "no token": await both.ask("GET", f"{query}&_page=x"),
        "a cut token": await both.ask("GET", f"{query}&_page={token[:-4]}"),
    }
    assert {said: answer.status_code for said, answer in others.items()} == dict.fromkeys(others, 400)


async def test_links_show_what_was_asked_and_no_id_that_was_found(both: SideBySide) -> None:
    await both.put(*WARD)
    bundle = (await both.ask("GET", "/Observation?subject:Patient.name=okafor&_count=1")).json()
    asked = [("_count", "1"), ("subject:Patient.name", "okafor")]
    following = shown_query(bundle, "next")
    assert shown_query(bundle, "self") == asked
    assert following is not None
    assert [pair for pair in following if pair[0] != "_page"] == asked


async def test_more_than_can_be_handed_over_is_too_costly_and_names_the_parameter(
    both: SideBySide, monkeypatch: pytest.MonkeyPatch
) -> None:
    await both.put(*WARD)
    monkeypatch.setattr(semi_joins, "IDS_MAX", 1)
    answer = await both.ask("GET", "/Observation?subject.name=okafor")
    issue = answer.json()["issue"][0]
    assert (answer.status_code, issue["code"]) == (400, "too-costly")
    assert "subject.name" in issue["details"]["text"]
    assert "okafor" not in answer.text


async def test_a_thousand_ids_are_handed_over(both: SideBySide) -> None:
    entries = [
        {"resource": patient(f"p{n}", "Okafor"), "request": {"method": "PUT", "url": f"Patient/p{n}"}}
        for n in range(semi_joins.IDS_MAX + 1)
    ]
    for start in (0, semi_joins.IDS_MAX):
        part = entries[start : start + semi_joins.IDS_MAX]
        await both.ask("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": part})
        await both.ask("PUT", f"/Observation/o{start}", observation(f"o{start}", f"Patient/p{start}"))
        answer = await both.ask("GET", "/Observation?subject:Patient.name=okafor")
        if start == 0:
            assert (answer.status_code, matches(answer.json())) == (200, [("match", "Observation/o0")])
        else:
            assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "too-costly")


async def test_each_hop_asks_for_its_own_scope(both: SideBySide) -> None:
    await both.put(*WARD)
    table = {
        ("Observation?subject:Patient.name=okafor", "user/Observation.rs"): 403,
        ("Observation?subject:Patient.name=okafor", "user/Observation.rs user/Patient.r"): 403,
        ("Observation?subject:Patient.name=okafor", "user/Observation.rs user/Patient.s"): 200,
        ("Observation?subject.name=okafor", "user/Observation.rs user/Patient.s"): 200,
        ("Patient?_has:Observation:patient:code=hr", "user/Patient.rs"): 403,
        ("Patient?_has:Observation:patient:code=hr", "user/Observation.rs"): 403,
        ("Patient?_has:Observation:patient:code=hr", "user/*.rs"): 200,
        ("Patient?_list=l1", "user/Patient.rs"): 403,
    }
    for (query, scope), status in table.items():
        assert (await both.ask("GET", f"/{query}", scope=scope)).status_code == status, (query, scope)


async def test_each_hop_stays_in_the_callers_compartment(both: SideBySide) -> None:
    await both.put(*WARD)
    mine = {"scope": "patient/*.rs", "patient": "p1"}
    table = {
        "Observation?subject:Patient.name=okafor": ["Observation/o5", "Observation/o1"],
        "Observation?subject:Patient.name=novak": [],
        "Patient?_has:Observation:patient:code=bp": ["Patient/p1"],
        "Patient?_has:Encounter:subject:status=finished": [],
        "Observation?performer:Practitioner.name=shah": ["Observation/o1"],
    }
    for query, expected in table.items():
        answer = await both.ask("GET", f"/{query}", **mine)
        single = await both.ask_one("GET", f"/{query}", **mine)
        assert [name for _, name in matches(answer.json())] == expected, query
        assert [name for _, name in matches(single.json())] == expected, query


async def test_lenient_leaves_out_what_is_not_known_and_says_so(both: SideBySide) -> None:
    await both.put(*WARD)
    lenient = {"prefer": "handling=lenient"}
    answer = await both.ask("GET", "/Observation?subject:Patient.colour=red&code=bp", headers=lenient)
    assert sorted(mode for mode, _ in matches(answer.json())) == ["match", "match", "outcome"]
    assert shown_query(answer.json(), "self") == [("code", "bp")]
    bad = await both.ask("GET", "/Observation?subject:Patient.birthdate=x", headers=lenient)
    assert bad.status_code == 400


async def test_a_silent_owner_is_a_503_and_not_a_smaller_answer(both: SideBySide) -> None:
    await both.put(*WARD)
    both.gateway.silence("patients")
    answer = await both.ask("GET", "/Observation?subject:Patient.name=okafor")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (503, "transient")


async def test_a_batch_may_hold_such_searches(both: SideBySide) -> None:
    await both.put(*WARD)
    queries = ["Observation?patient.name=novak", "Patient?_has:Observation:patient:colour=x", "Patient/p1"]
    entries = [{"request": {"method": "GET", "url": query}} for query in queries]
    answer = await both.ask("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    found, refused, read = answer.json()["entry"]
    assert matches(found["resource"]) == [("match", "Observation/o3")]
    assert refused["response"]["status"] == "400 Bad Request"
    assert refused["response"]["outcome"]["issue"][0]["code"] == "not-supported"
    assert read["resource"]["id"] == "p1"
