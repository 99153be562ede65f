"""Who a described patient may be: the score by itself, and the question through the door."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bedside.events.database import Database
from bedside.fhir.rest.testing import Served, served
from bedside.fhir.store.testing import fresh_database
from bedside.patients.matching import matched
from bedside.patients.service import service

MRN = {"system": "urn:mrn", "value": "7"}
ANNA: dict[str, Any] = {
    "resourceType": "Patient", "id": "anna", "identifier": [MRN], "gender": "female", "birthDate": "1980-03-07",
    "name": [{"family": "Okafor", "given": ["Anna", "Maria"]}, {"use": "maiden", "family": "Bell"}],
    "telecom": [{"system": "phone", "value": "+44 20 7946 0123"}, {"system": "email", "value": "anna@example.org"}],
    "address": [{"line": ["1 High Street"], "postalCode": "N1 9GU"}],
}  # fmt: skip


def named(family: str | None = None, given: str | None = None, **more: Any) -> dict[str, Any]:
    name = ({"family": family} if family else {}) | ({"given": [given]} if given else {})
    return {"resourceType": "Patient"} | ({"name": [name]} if name else {}) | more


GOLDEN: list[tuple[str, dict[str, Any], float, str]] = [
    ("identifier alone", named(identifier=[MRN]), 0.97, "certain"),
    ("identifier and birth date", named(identifier=[MRN], birthDate="1980-03-07"), 0.996, "certain"),
    ("identifier, called otherwise", named("Smith", "John", identifier=[MRN]), 0.3, "possible"),
    ("identifier, born otherwise", named("Okafor", "Anna", identifier=[MRN], birthDate="1951-12-30"), 0.978,
     "probable"),
    ("identifier of another system", named(identifier=[{"system": "urn:x", "value": "7"}]), 0.059, "certainly-not"),
    ("everything", ANNA, 1.0, "certain"),
    ("names and birth date", named("Okafor", "Anna", birthDate="1980-03-07"), 0.978, "certain"),
    ("second given name", named("Okafor", "Maria", birthDate="1980-03-07"), 0.978, "certain"),
    ("accents and case", named("ÓKAFOR", "anná", birthDate="1980-03-07"), 0.978, "certain"),
    ("names and birth date, other gender", named("Okafor", "Anna", birthDate="1980-03-07", gender="male"), 0.919,
     "probable"),
    ("maiden name", named("Bell", "Anna", birthDate="1980-03-07"), 0.978, "certain"),
    ("names turned round", named("Anna", "Okafor", birthDate="1980-03-07"), 0.919, "probable"),
    ("typing error in family", named("Okafro", "Anna", birthDate="1980-03-07"), 0.958, "probable"),
    ("initial", named("Okafor", "A", birthDate="1980-03-07"), 0.919, "probable"),
    ("day and month turned round", named("Okafor", "Anna", birthDate="1980-07-03"), 0.941, "probable"),
    ("one digit of the date", named("Okafor", "Anna", birthDate="1980-03-09"), 0.919, "probable"),
    ("year alone", named("Okafor", "Anna", birthDate="1980"), 0.889, "probable"),
    ("names alone", named("Okafor", "Anna"), 0.739, "possible"),
    ("family alone", named("Okafor"), 0.333, "possible"),
    ("birth date alone", named(birthDate="1980-03-07"), 0.5, "possible"),
    ("a twin", named("Okafor", "Stella", birthDate="1980-03-07", telecom=ANNA["telecom"], address=ANNA["address"]),
     0.79, "possible"),
    ("her daughter", named("Okafor", "Anna", birthDate="2005-11-21"), 0.15, "certainly-not"),
    ("birth date and gender of a stranger", named("Smith", "John", birthDate="1980-03-07", gender="female"), 0.03,
     "certainly-not"),
    ("telephone written at home", named(given="Anna", telecom=[{"system": "phone", "value": "020 7946 0123"}]), 0.586,
     "possible"),
    ("nothing to compare", named(), 0.059, "certainly-not"),
]  # fmt: skip


@pytest.mark.parametrize(("sought", "score", "grade"), [case[1:] for case in GOLDEN], ids=[case[0] for case in GOLDEN])
def test_the_score_and_grade_of_a_pair(sought: dict[str, Any], score: float, grade: str) -> None:
    match = matched(sought, ANNA)
    assert (match.grade, match.score) == (grade, score)


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("Smith", "Smyth", "sound"),
        ("Philips", "Filips", "sound"),
        ("Jonathan", "Jonathon", "close"),
        ("Müller", "MULLER", "equal"),
        ("O'Neill", "Oneill", "equal"),
        ("J", "Jones", "initial"),
        ("Smith", "Jones", "differs"),
    ],
)
def test_names_are_alike_as_people_write_and_hear_them(one: str, other: str, how: str) -> None:
    assert matched(named(one), named(other)).found == {"family": how}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    async with fresh_database(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
async def patients(database: Database) -> AsyncIterator[Served]:
    async with served(service, database) as running:
        await put(running, ANNA)
        await put(running, named("Okafor", "Stella", birthDate="1980-03-07") | {"id": "stella"})
        await put(running, named("Jones", "Tom", birthDate="1955-01-02") | {"id": "tom"})
        yield running


async def put(server: Served, resource: dict[str, Any]) -> None:
    answer = await server.http.put(f"/fhir/Patient/{resource['id']}", json=resource)
    assert answer.status_code in (200, 201), answer.text


async def asked(server: Served, resource: dict[str, Any], query: str = "", **headers: str) -> list[tuple[str, str]]:
    answer = await server.http.post(f"/fhir/Patient/$match?{query}", json=resource, headers=headers)
    assert answer.status_code == 200, answer.text
    return [
        (entry["resource"].get("id", "outcome"), entry["search"].get("extension", [{}])[0].get("valueCode", ""))
        for entry in answer.json().get("entry", ())
    ]


@pytest.mark.parametrize(
    ("sought", "found"),
    [
        (named(identifier=[MRN]), [("anna", "certain")]),
        (named(identifier=[{"value": "7"}], birthDate="1980-03-07"), [("anna", "possible"), ("stella", "possible")]),
        (named("Okafor", "Anna", birthDate="1980-03-07"), [("anna", "certain"), ("stella", "possible")]),
        (named("Okaffer", "Anna"), [("anna", "possible")]),
        (named("Okafor", "Anna", birthDate="1980-07-03"), [("anna", "probable"), ("stella", "possible")]),
        (named(telecom=[{"system": "email", "value": "anna@example.org"}], birthDate="1980"),
         [("anna", "possible")]),
        (named("Nobody", "Atall", birthDate="1900-01-01"), []),
    ],
)  # fmt: skip
async def test_those_who_may_be_meant_are_found_the_likeliest_first(
    patients: Served, sought: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert await asked(patients, sought) == found


async def test_an_entry_says_how_likely_it_is(patients: Served) -> None:
    answer = (
        await patients.http.post("/fhir/Patient/$match", json=named("Okafor", "Anna", birthDate="1980-03-07"))
    ).json()
    assert answer["entry"][0]["search"] == {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/match-grade", "valueCode": "certain"}],
        "mode": "match",
        "score": 0.978,
    }


async def test_only_certain_matches_are_told_when_that_is_asked_and_none_when_there_are_several(
    patients: Served,
) -> None:
    sought = named("Okafor", "Anna", birthDate="1980-03-07")
    assert await asked(patients, sought, "onlyCertainMatches=true") == [("anna", "certain")]
    await put(patients, {**ANNA, "id": "again"})
    assert await asked(patients, sought, "onlyCertainMatches=true") == [("outcome", "")]
    assert await asked(patients, sought, "count=1") == [("again", "certain")]


async def test_a_merged_record_is_found_as_its_survivor(patients: Served) -> None:
    survivor = {"resourceType": "Patient", "id": "survivor"}
    await put(patients, survivor)
    link = [{"type": "replaced-by", "other": {"reference": "Patient/survivor"}}]
    await put(patients, {**ANNA, "active": False, "link": link})
    assert await asked(patients, named("Okafor", "Anna", birthDate="1980-03-07")) == [
        ("survivor", "certain"),
        ("stella", "possible"),
    ]


async def test_more_who_are_alike_than_are_looked_at_is_said(patients: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bedside.patients.operations.match.CANDIDATES_MAX", 1)
    assert ("outcome", "") in await asked(patients, named(birthDate="1980-03-07"))


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (named(), 400),
        (named(gender="female"), 400),
        (named("Okafor", birthDate="yesterday"), 400),
        ({"resourceType": "Person"}, 400),
        ({"resourceType": "Parameters"}, 400),
        (named("7", "!"), 400),
        (named(identifier=[{"value": "a,b|c$d\\"}]), 200),
        (named("Okafor-Bell's", "Ænna \U0001f600"), 200),
    ],
)
async def test_a_description_that_says_nothing_or_nonsense_is_refused(
    patients: Served, sent: dict[str, Any], status: int
) -> None:
    answer = await patients.http.post("/fhir/Patient/$match", json=sent)
    assert answer.status_code == status, answer.text


async def test_who_may_not_search_patients_matches_none(patients: Served) -> None:
    sought = named("Okafor", "Anna", birthDate="1980-03-07")
    refused = await patients.http.post(
        "/fhir/Patient/$match", json=sought, headers=patients.as_caller("system/Patient.r")
    )
    assert refused.status_code == 403
    mine = patients.as_caller("patient/*.rs", patient="tom", roles=["patient"])
    assert await asked(patients, sought, **mine) == []
