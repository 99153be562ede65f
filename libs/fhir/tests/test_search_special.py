"""Parameters that are searched in a way of their own: by words, by place, by sound. On both databases."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bedside.fhir.outcome import Refused
from bedside.fhir.search.query import parse
from bedside.fhir.search.testing import Shelf, shelf


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    async with shelf(request.param, tmp_path) as empty:
        yield empty


def resource(type_name: str, id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": type_name, "id": id, **elements}


def narrative(words: str) -> dict[str, Any]:
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{words}</div>'}


async def found(on: Shelf, table: dict[str, str]) -> dict[str, str]:
    return {asked: " ".join(sorted(await on.found(asked))) for asked in table}


async def test_words_are_found_in_the_narrative_and_anywhere(on: Shelf) -> None:
    await on.put(
        resource("Condition", "told", text=narrative("<p>Acute <b>péri</b>carditis &amp; fever</p>")),
        resource("Condition", "noted", note=[{"text": "Fever since Monday, suspected pericarditis"}]),
        resource("Condition", "coded", code={"coding": [{"code": "fever", "display": "Raised temperature"}]}),
        resource("Condition", "extended", extension=[{"url": "urn:fever", "valueString": "Shivering"}]),
        resource("Condition", "long", note=[{"text": " ".join(f"word{n}" for n in range(3000))}]),
        resource("Condition", "silent"),
    )
    table = {
        "Condition?_text=péri": "told",
        "Condition?_text=carditis": "told",
        "Condition?_text=ACUTE FEVER": "told",
        "Condition?_text=fever acu": "told",
        "Condition?_text=cute": "",
        "Condition?_text=div": "",
        "Condition?_text=amp": "",
        "Condition?_content=fever": "noted told",
        "Condition?_content=fev": "noted told",
        "Condition?_content=fever monday": "noted",
        "Condition?_content=monday,temperature": "coded noted",
        "Condition?_content=shivering": "extended",
        "Condition?_content=word2999": "long",
        "Condition?_content=nothing": "",
        "Condition?_text:missing=true": "coded extended long noted silent",
        "Condition?_text:missing=false": "told",
        "Condition?_content:missing=true": "silent",
        "Condition?_content=fever&_text=acute": "told",
    }
    assert await found(on, table) == table


async def test_words_of_earlier_versions_are_found_no_more_but_as_of_then(on: Shelf) -> None:
    then = await on.put(resource("Condition", "c", note=[{"text": "influenza"}]))
    await on.put(resource("Condition", "c", note=[{"text": "pneumonia"}]))
    now = ("Condition?_content=influenza", "Condition?_content=pneumonia")
    assert [await on.found(asked) for asked in now] == [[], ["c"]]
    assert [await on.found(asked, snapshot=then) for asked in now] == [["c"], []]


@pytest.mark.parametrize("value", ["AND", '"or"', "a" * 100, "x* OR y", "NEAR(a b)", "it's", "a:*&b", "NOT bed"])
@pytest.mark.parametrize("name", ["_text", "_content"])
async def test_the_languages_of_the_databases_mean_nothing_in_words(on: Shelf, name: str, value: str) -> None:
    await on.put(resource("Condition", "c", note=[{"text": "bed"}], text=narrative("bed")))
    assert await on.found(f"Condition?{name}={quote(value)}") == []


@pytest.mark.parametrize("name", ["_text", "_content"])
@pytest.mark.parametrize("value", ["!?", "%_", " ".join("abcdefghijk")])
def test_words_that_cannot_be_are_refused(name: str, value: str) -> None:
    with pytest.raises(Refused) as refused:
        parse("Condition", [(name, value)])
    assert refused.value.status == 400


async def test_places_are_found_within_a_distance(on: Shelf) -> None:
    def place(id: str, latitude: float, longitude: float) -> dict[str, Any]:
        return resource("Location", id, position={"latitude": latitude, "longitude": longitude})

    await on.put(
        place("leeds", 53.8008, -1.5491),
        place("york", 53.9600, -1.0873),  # 35 km from Leeds
        place("london", 51.5074, -0.1278),  # 272 km from Leeds
        place("fiji-west", -17.7, 179.9),
        place("fiji-east", -17.7, -179.9),  # 21 km over the date line
        place("pole", 90, 0),
        resource("Location", "nowhere"),
    )
    table = {
        "Location?near=53.8008|-1.5491": "leeds",
        "Location?near=53.8008|-1.5491|0": "leeds",
        "Location?near=53.8008|-1.5491|34": "leeds",
        "Location?near=53.8008|-1.5491|36|km": "leeds york",
        "Location?near=53.8008|-1.5491|36000|m": "leeds york",
        "Location?near=53.8008|-1.5491|20|[mi_i]": "leeds",
        "Location?near=53.8008|-1.5491|22|[mi_i]": "leeds york",
        "Location?near=53.8|-1.5|271|km": "leeds york",
        "Location?near=53.8|-1.5|275|km": "leeds london york",
        "Location?near=-17.7|180|11|km": "fiji-east fiji-west",
        "Location?near=89.99|120|2|km": "pole",
        "Location?near=0|0|30000|km": "fiji-east fiji-west leeds london pole york",
        "Location?near=53.8008|-1.5491|1|km,51.5|-0.12|10|km": "leeds london",
        "Location?near:missing=true": "nowhere",
    }
    assert await found(on, table) == table


@pytest.mark.parametrize(
    "value",
    ["", "1", "91|0", "0|181", "1|2|3|4|5", "a|b", "1|2|x", "1|2|-1|km", "1|2|3|kg", "1|2|3|parsecs", "nan|0", "1e9|0"],
)
def test_a_place_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(Refused) as refused:
        parse("Location", [("near", value)])
    assert refused.value.status == 400


async def test_names_are_found_by_their_sound(on: Shelf) -> None:
    await on.put(
        resource("Patient", "smyth", name=[{"family": "Smyth", "given": ["Catherine"]}]),
        resource("Patient", "smith", name=[{"family": "Smith", "given": ["Steven"]}]),
        resource("Patient", "stephen", name=[{"family": "O'Brien", "given": ["Stephen"]}]),
        resource("Practitioner", "doctor", name=[{"family": "Smithe"}]),
    )
    table = {
        "Patient?phonetic=smith": "smith smyth",
        "Patient?phonetic=kathryn": "smyth",
        "Patient?phonetic=Kathryn Smith": "smyth",
        "Patient?phonetic=smith stephen": "smith",
        "Patient?phonetic=steven,kathryn": "smith smyth stephen",
        "Patient?phonetic=jones": "",
        "Practitioner?phonetic=smith": "doctor",
    }
    assert await found(on, table) == table


async def test_being_one_of_several_at_birth_is_found(on: Shelf) -> None:
    await on.put(
        resource("Patient", "twin", multipleBirthBoolean=True),
        resource("Patient", "second", multipleBirthInteger=2),
        resource("Patient", "single", multipleBirthBoolean=False),
        resource("Patient", "unsaid"),
    )
    table = {
        "Patient?birthOrderBoolean=true": "second twin",
        "Patient?birthOrderBoolean=false": "single unsaid",
    }
    assert await found(on, table) == table


def test_an_age_is_not_answered_and_says_why() -> None:
    with pytest.raises(Refused) as refused:
        parse("Patient", [("age", "42")])
    [issue] = refused.value.issues
    said = "Parameter age is not answered here: it would change from day to day within one search; ask by birthdate"
    assert (issue.code, issue.text) == ("not-supported", f"{said} instead")
