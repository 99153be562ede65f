"""Sorting by walking an index gives what sorting everything gives: the same pages, at every turn."""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bedside.fhir.search import driving, running
from bedside.fhir.search.testing import Shelf, shelf

EVERY = [
    "Patient?_sort=birthdate",
    "Patient?_sort=-birthdate",
    "Patient?_sort=family,-birthdate",
    "Patient?_sort=-name",
    "Patient?gender=female&_sort=-birthdate,name",
    "Patient?gender=female&active=true&_sort=name",
    "Encounter?_sort=-date",
    "Encounter?_sort=date,-_id",
    "Encounter?class=AMB&_sort=-date",
    "Patient?_sort=-_lastUpdated",
    "Patient?_lastUpdated=ge2023-11-14&_sort=birthdate",
]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def stocked(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    async with shelf(request.param, tmp_path) as made:
        chance = random.Random(7)
        for number in range(40):
            await made.put(_patient(number, chance), _encounter(number, chance))
        for number in range(0, 40, 5):
            await made.put(_patient(number, chance))
        await made.delete("Patient/p3")
        yield made


def _patient(number: int, chance: random.Random) -> dict[str, Any]:
    names = [{"family": chance.choice("ABCD"), "given": [chance.choice("xyz")]} for _ in range(chance.randrange(3))]
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "id": f"p{number}",
        "active": True,
        "gender": chance.choice(("female", "male")),
    }
    if names:
        resource["name"] = names
    if chance.random() < 0.8:
        resource["birthDate"] = chance.choice(("1950", "1950-03", "1950-03-01", "1960-07-05", "1971"))
    return resource


def _encounter(number: int, chance: random.Random) -> dict[str, Any]:
    period = {"start": f"2020-01-{chance.randrange(1, 28):02}", "end": f"2020-03-{chance.randrange(1, 28):02}"}
    del period[chance.choice(("end", "start", "end"))]
    return {
        "resourceType": "Encounter",
        "id": f"e{number}",
        "status": "finished",
        "class": {"code": chance.choice(("AMB", "IMP"))},
        **({"period": period} if chance.random() < 0.8 else {}),
    }


async def _all_pages(made: Shelf, asked: str) -> list[list[str]]:
    pages, after = [], None
    for _ in range(40):
        page = await made.page(f"{asked}&_count=4", after=after)
        pages.append([match.id for match in page.matches])
        after = page.next
        if after is None:
            return pages
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("asked", EVERY)
async def test_pages_are_the_same_whether_an_index_is_walked_or_everything_is_sorted(
    stocked: Shelf, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setattr(running, "can_walk", lambda *_: False)
    sorted_pages = await _all_pages(stocked, asked)
    monkeypatch.undo()
    monkeypatch.setattr(driving, "COUNTED_MAX", 1)
    assert await _all_pages(stocked, asked) == sorted_pages
    assert len(sorted_pages) > 2


async def test_the_page_before_a_page_that_was_walked_to_is_the_one_that_was_seen(
    stocked: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driving, "COUNTED_MAX", 1)
    first = await stocked.page("Patient?_sort=-birthdate&_count=4")
    second = await stocked.page("Patient?_sort=-birthdate&_count=4", after=first.next)
    back = await stocked.page("Patient?_sort=-birthdate&_count=4", after=second.previous)
    assert [match.id for match in back.matches] == [match.id for match in first.matches]
