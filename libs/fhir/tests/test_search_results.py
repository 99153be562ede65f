"""What a search answers: order, pages, totals, includes, chains, what may be seen and as of when. On both databases."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bedside.fhir.outcome import Refused
from bedside.fhir.search.paging import seal, unseal
from bedside.fhir.search.purview import UNCONFINED, of_patient
from bedside.fhir.search.running import Page, run
from bedside.fhir.search.testing import Shelf, shelf

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]
KEY = bytes(32)


@pytest.fixture(params=DATABASES)
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    async with shelf(request.param, tmp_path) as empty:
        yield empty


def patient(id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, **elements}


def observation(id: str, of: str = "p1", code: str = "k", **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [{"code": code}]},
        "subject": {"reference": f"Patient/{of}"},
        **elements,
    }


async def every_page(on: Shelf, asked: str, **seen: Any) -> list[list[str]]:
    pages: list[list[str]] = []
    after = None
    while True:
        page = await on.page(asked, after=after, **seen)
        pages.append([match.id for match in page.matches])
        after = page.next
        if after is None or len(pages) > 20:
            return pages


async def test_the_newest_comes_first_a_page_at_a_time(on: Shelf) -> None:
    for number in range(5):
        await on.put(observation(f"o{number}"))
    table = {
        "Observation?_count=2": [["o4", "o3"], ["o2", "o1"], ["o0"]],
        "Observation?code=k&_count=2": [["o4", "o3"], ["o2", "o1"], ["o0"]],
        "Observation?code=k&patient=p1&_count=3": [["o4", "o3", "o2"], ["o1", "o0"]],
        "Observation?_count=5": [["o4", "o3", "o2", "o1", "o0"]],
    }
    assert {asked: await every_page(on, asked) for asked in table} == table


async def test_sorting_by_several_keys_keeps_its_order_over_pages_and_puts_what_has_no_value_last(on: Shelf) -> None:
    await on.put(
        patient("a", birthDate="1980", name=[{"family": "Ärmel"}]),
        patient("b", birthDate="1980", name=[{"family": "Zorn"}]),
        patient("c", birthDate="1970"),
        patient("d", name=[{"family": "Berg"}]),
    )
    table = {
        "Patient?_sort=birthdate,family": ["c", "a", "b", "d"],
        "Patient?_sort=-birthdate,-family": ["b", "a", "c", "d"],
        "Patient?_sort=family,-_id": ["a", "d", "b", "c"],
        "Patient?_sort=-_id": ["d", "c", "b", "a"],
        "Patient?_sort=_lastUpdated,_id": ["a", "b", "c", "d"],
    }
    for asked, order in table.items():
        for count in (1, 3, 10):
            pages = await every_page(on, f"{asked}&_count={count}")
            assert [id for page in pages for id in page] == order, (asked, count)


async def test_sorting_by_a_code_goes_by_the_words_people_read(on: Shelf) -> None:
    def coded(id: str, code: str, text: str) -> dict[str, Any]:
        return observation(id) | {"code": {"coding": [{"code": code, "display": text}]}}

    await on.put(coded("w", "1", "Weight"), coded("h", "2", "Height"), coded("t", "3", "temperature"))
    assert await on.found("Observation?_sort=code") == ["h", "t", "w"]


async def test_later_pages_show_what_the_first_one_saw(on: Shelf) -> None:
    await on.put(patient("p1"), patient("p2"), patient("p3"))
    first = await on.page("Patient?_count=1&_sort=_id")
    await on.put(patient("p0"), patient("p2", active=True))
    await on.delete("Patient/p3")
    second = await on.page("Patient?_count=5&_sort=_id", after=first.next)
    assert [(match.id, match.version) for match in second.matches] == [("p2", 1), ("p3", 1)]


async def test_only_the_current_version_is_found_and_nothing_deleted(on: Shelf) -> None:
    await on.put(patient("p1", gender="male"), patient("p2", gender="male"))
    then = await on.put(patient("p1", gender="female"))
    await on.delete("Patient/p2")
    table = {"Patient?gender=male": [], "Patient?gender=female": ["p1"], "Patient": ["p1"]}
    assert {asked: await on.found(asked) for asked in table} == table
    assert await on.found("Patient?gender=male", snapshot=then) == ["p2"]
    assert await on.found("Patient?gender=male", snapshot=1) == ["p2", "p1"]


async def test_totals_come_when_asked_for_and_are_of_the_same_moment(on: Shelf) -> None:
    await on.put(*(patient(f"p{number}", gender="male") for number in range(7)))
    first = await on.page("Patient?gender=male&_count=3&_total=accurate")
    await on.put(patient("later", gender="male"))
    second = await on.page("Patient?gender=male&_count=3&_total=accurate", after=first.next)
    assert (first.total, second.total) == (7, 7)
    assert (await on.page("Patient?_count=3")).total is None
    assert await on.page("Patient?_summary=count") == Page([], [], 8, None, None)
    assert await on.page("Patient?gender=male,female&_count=0") == Page([], [], 8, None, None)


async def test_includes_bring_what_matches_refer_to_and_what_refers_to_them_each_once(on: Shelf) -> None:
    await on.put(
        {"resourceType": "Organization", "id": "root"},
        {"resourceType": "Organization", "id": "ward", "partOf": {"reference": "Organization/root"}},
        patient("p1", managingOrganization={"reference": "Organization/ward"}),
        observation("o1"),
        observation("o2", hasMember=[{"reference": "Observation/o1"}], performer=[{"reference": "Practitioner/gone"}]),
    )
    table = {
        "Observation?_include=Observation:subject": "p1",
        "Observation?_include=Observation:patient:Patient": "p1",
        "Observation?_id=o2&_include=Observation:has-member": "o1",
        "Observation?_id=o2&_include=*": "o1 p1",
        "Observation?_include=Observation:subject&_include=Patient:organization": None,
        "Observation?_include=Observation:subject&_include:iterate=Patient:organization": "p1 ward",
        "Observation?_include=Observation:subject&_include:iterate=Patient:organization"
        "&_include:iterate=Organization:partof": "p1 root ward",
        "Organization?_id=root&_include:iterate=Organization:partof&_revinclude=Organization:partof": "ward",
        "Patient?_revinclude=Observation:subject": "o1 o2",
        "Patient?_revinclude=Observation:*": "o1 o2",
        "Organization?_id=ward&_revinclude=Patient:organization&_revinclude:iterate=Observation:patient": "o1 o2 p1",
    }
    for asked, expected in table.items():
        if expected is None:
            with pytest.raises(Refused):
                await on.page(asked)
        else:
            assert " ".join(sorted(each.id for each in (await on.page(asked)).included)) == expected, asked


async def test_chains_ask_of_what_is_referred_to_and_has_of_what_refers(on: Shelf) -> None:
    await on.put(
        {"resourceType": "Organization", "id": "w1", "name": "Ward One"},
        patient("p1", name=[{"family": "Adams"}], managingOrganization={"reference": "Organization/w1"}),
        patient("p2", name=[{"family": "Berg"}]),
        observation("o1", "p1", "k"),
        observation("o2", "p2", "j"),
    )
    table = {
        "Observation?subject:Patient.name=adams": ["o1"],
        "Observation?patient.family=berg,adams": ["o2", "o1"],
        "Observation?subject.identifier:missing=true&subject:Patient.name=berg": ["o2"],
        "Observation?patient.organization.name=ward": ["o1"],
        "Observation?patient.name=adams&code=j": [],
        "Observation?code=k&patient.name=adams": ["o1"],
        "Patient?_has:Observation:patient:code=j": ["p2"],
        "Patient?_has:Observation:patient:code=j&name=adams": [],
        "Patient?name=berg&_has:Observation:patient:code=j": ["p2"],
        "Organization?_has:Patient:organization:_has:Observation:patient:code=k": ["w1"],
        "Observation?patient._has:Observation:patient:code=k": ["o1"],
    }
    assert {asked: await on.found(asked) for asked in table} == table


async def test_a_caller_confined_to_a_patient_sees_nothing_of_another_however_asked(on: Shelf) -> None:
    await on.put(
        {"resourceType": "Organization", "id": "w1", "name": "Ward"},
        patient("p1", managingOrganization={"reference": "Organization/w1"}, name=[{"family": "Adams"}]),
        patient("p2", managingOrganization={"reference": "Organization/w1"}, name=[{"family": "Berg"}]),
        observation("o1", "p1", effectiveDateTime="2020"),
        observation("o2", "p2", effectiveDateTime="2021"),
        observation("o3", "p1", hasMember=[{"reference": "Observation/o2"}], effectiveDateTime="2022"),
        {"resourceType": "Task", "id": "t1", "status": "requested", "for": {"reference": "Patient/p2"}},
    )
    table = {
        "Patient": ["p1"],
        "Patient?_id=p2": [],
        "Patient?name=berg": [],
        "Observation": ["o3", "o1"],
        "Observation?code=k": ["o3", "o1"],
        "Observation?patient=p2": [],
        "Observation?patient=p2&code=k": [],
        "Observation?date=2021": [],
        "Observation?_sort=date": ["o1", "o3"],
        "Observation?patient.name=berg": [],
        "Observation?has-member.code=k": [],
        "Patient?_has:Observation:patient:date=2021": [],
        "Organization": ["w1"],
        "Organization?_has:Patient:organization:name=berg": [],
        "Task": [],
    }
    assert {asked: await on.found(asked, purview=of_patient("p1")) for asked in table} == table
    counted = await on.page("Observation?_summary=count", purview=of_patient("p1"))
    assert counted.total == 2
    members = await on.page("Observation?_include=*", purview=of_patient("p1"))
    assert sorted(each.id for each in members.included) == ["p1"]
    around = await on.page("Organization?_revinclude=Patient:organization", purview=of_patient("p1"))
    assert [each.id for each in around.included] == ["p1"]
    assert await on.found("Observation", purview=of_patient("nobody")) == []


async def test_a_large_result_is_walked_from_its_newest_and_a_small_one_from_its_index(on: Shelf) -> None:
    await on.put(*(observation(f"o{number}", code="many", issued="2020-01-01T00:00:00Z") for number in range(1100)))
    await on.put(observation("one", code="few"))
    assert (await on.found("Observation?status=final&_count=2")) == ["one", "o1099"]
    assert (await on.found("Observation?date:missing=true&status=final&code=few")) == ["one"]
    assert (await on.found("Observation?code=many,few&code:not=few&_count=1")) == ["o1099"]


async def test_a_page_token_opens_only_for_the_same_search_by_the_same_caller(on: Shelf) -> None:
    await on.put(*(patient(f"p{number}") for number in range(3)))
    query = on.query("Patient?_count=1&_sort=-_id")
    page = await run(on.database, query, purview=UNCONFINED)
    assert page.next is not None
    token = seal(page.next, query, key=KEY, caller=["anna"])

    again = on.query(f"Patient?_count=1&_sort=-_id&_page={token}")
    position = unseal(again, key=KEY, caller=["anna"])
    assert [match.id for match in (await run(on.database, again, purview=UNCONFINED, after=position)).matches] == ["p1"]

    refused = [
        (f"Patient?_count=1&_sort=_id&_page={token}", "anna"),
        (f"Observation?_count=1&_sort=-_id&_page={token}", "anna"),
        (f"Patient?_count=1&_sort=-_id&_page={token}", "bert"),
        (f"Patient?_count=1&_sort=-_id&_page={token[:-4]}AAAA", "anna"),
        ("Patient?_count=1&_sort=-_id&_page=x", "anna"),
        ("Patient?_count=1&_sort=-_id&_page=" + "A" * 9000, "anna"),
    ]
    for asked, caller in refused:
        with pytest.raises(Refused):
            unseal(on.query(asked), key=KEY, caller=[caller])
    assert unseal(query, key=KEY, caller=["anna"]) is None
