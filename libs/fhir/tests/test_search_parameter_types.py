"""Each type of search parameter, by tables: what is stored, what is asked, what is found. On both databases."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bedside.fhir.search.asked import Facility
from bedside.fhir.search.testing import Shelf, shelf

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]
UCUM = "http://unitsofmeasure.org"


@pytest.fixture(params=DATABASES)
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    facility = Facility(base_url="http://here/fhir", zone=ZoneInfo("Europe/London"))
    async with shelf(request.param, tmp_path, facility) as empty:
        yield empty


def patient(id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, **elements}


def observation(id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": id, "status": "final", **elements}


async def found(on: Shelf, table: dict[str, str]) -> dict[str, str]:
    """The ids found for each query of the table, sorted, to be compared with the table."""
    return {asked: " ".join(sorted(await on.found(asked))) for asked in table}


async def test_a_token_is_found_by_code_by_system_and_by_both(on: Shelf) -> None:
    await on.put(
        observation("loinc", code={"coding": [{"system": "http://loinc.org", "code": "1-8"}]}),
        observation("local", code={"coding": [{"code": "1-8"}]}),
        observation("both", code={"coding": [{"system": "urn:x", "code": "1-8"}, {"code": "A,B|C$D"}]}),
    )
    table = {
        "Observation?code=1-8": "both local loinc",
        "Observation?code=http://loinc.org|1-8": "loinc",
        "Observation?code=http://loinc.org|": "loinc",
        "Observation?code=|1-8": "local",
        "Observation?code=urn:x|1-8,http://loinc.org|1-8": "both loinc",
        r"Observation?code=A\,B\|C\$D": "both",
        "Observation?code=1-8&code=urn:x|": "both",
        "Observation?code:not=http://loinc.org|1-8": "both local",
        "Observation?code=1-9": "",
        "Observation?combo-code=urn:x|1-8": "both",
    }
    assert await found(on, table) == table


async def test_codes_booleans_identifiers_and_telephones_are_tokens(on: Shelf) -> None:
    await on.put(
        patient(
            "p1",
            active=True,
            gender="male",
            identifier=[{"system": "urn:mrn", "value": "7 7"}],
            telecom=[{"system": "phone", "value": "555"}, {"system": "email", "value": "a@b"}],
        ),
        patient("p2", deceasedDateTime="2020", gender="female"),
    )
    table = {
        "Patient?active=true": "p1",
        "Patient?active=false": "",
        "Patient?active:missing=true": "p2",
        "Patient?active:missing=false": "p1",
        "Patient?gender=male,female": "p1 p2",
        "Patient?gender=http://hl7.org/fhir/administrative-gender|male": "p1",
        "Patient?gender=urn:other|male": "",
        "Patient?identifier=urn:mrn|7 7": "p1",
        "Patient?identifier=7 7": "p1",
        "Patient?telecom=555": "p1",
        "Patient?telecom=phone|555": "p1",
        "Patient?phone=a@b": "",
        "Patient?email=a@b": "p1",
        "Patient?deceased=true": "p2",
        "Patient?deceased=false": "p1",
    }
    assert await found(on, table) == table


async def test_a_string_is_found_by_its_beginning_whatever_case_accent_or_script(on: Shelf) -> None:
    await on.put(
        patient("m", name=[{"family": "Müller-Lüdenscheidt", "given": ["Jürgen", "Karl"]}]),
        patient("o", name=[{"family": "O'Brien", "given": ["Seán"]}]),
        patient("l", name=[{"text": "李小龙"}]),
        patient("long", name=[{"family": "x" * 200 + " needle " + "y" * 200}]),
        patient("broken", name=[{"family": "%_\\"}]),
    )
    table = {
        "Patient?name=mull": "m",
        "Patient?name=MÜLLER-LÜD": "m",
        "Patient?name=ludenscheidt": "",
        "Patient?name=jurgen muller": "m",
        "Patient?name=müller-lüdenscheidt jürgen": "m",
        "Patient?family=obrien": "o",
        "Patient?family=O'BRIEN": "o",
        "Patient?given=sean,jurgen": "m o",
        "Patient?name=Li": "l",
        "Patient?name=李": "l",
        "Patient?family:exact=O'Brien": "o",
        "Patient?family:exact=o'brien": "",
        "Patient?family:contains=denscheid": "m",
        "Patient?family:contains=needle": "long",
        "Patient?family=needle": "",
        f"Patient?family={'x' * 100}": "long",
        f"Patient?family:exact={'x' * 200} needle {'y' * 200}": "long",
        "Patient?phonetic=miller": "m",
    }
    assert await found(on, table) == table


async def test_dates_are_intervals_on_both_sides(on: Shelf) -> None:
    await on.put(
        observation("year", effectiveDateTime="2020"),
        observation("day", effectiveDateTime="2020-06-15"),
        observation("second", effectiveDateTime="2020-06-15T12:00:00Z"),
        observation("period", effectivePeriod={"start": "2020-06-01", "end": "2020-07-31"}),
        observation("since", effectivePeriod={"start": "2021-01-01"}),
        observation("none"),
    )
    table = {
        "Observation?date=2020": "day period second year",
        "Observation?date=2020-06": "day second",
        "Observation?date=2020-06-15": "day second",
        "Observation?date=2020-06-15T12:00:00Z": "second",
        "Observation?date=2020-06-15T14:00:00 02:00": "second",
        "Observation?date=ne2020": "since",
        "Observation?date=gt2020-06-15": "period since year",
        "Observation?date=ge2020-06-15": "day period second since year",
        "Observation?date=lt2020-06-15": "period year",
        "Observation?date=le2020-06-15": "day period second year",
        "Observation?date=sa2020-06-15": "since",
        "Observation?date=eb2020-06-16": "day second",
        "Observation?date=sa2019": "day period second since year",
        "Observation?date=eb2021": "day period second year",
        "Observation?date=ap2020-06-14": "day period second year",
        "Observation?date=ge2020-06-01&date=le2020-06-30": "day period second year",
        "Observation?date=2020-06-15,ge2021": "day second since",
        "Observation?date:missing=true": "none",
        "Observation?date=9999": "",
    }
    assert await found(on, table) == table


async def test_a_date_without_a_zone_is_meant_where_the_facility_is(on: Shelf) -> None:
    await on.put(observation("summer", effectiveDateTime="2020-06-14T23:30:00Z"))
    table = {"Observation?date=2020-06-15": "summer", "Observation?date=2020-06-14": ""}
    assert await found(on, table) == table


async def test_quantities_compare_in_their_unit_and_in_convertible_ones(on: Shelf) -> None:
    def measured(id: str, **quantity: Any) -> dict[str, Any]:
        return observation(id, code={"coding": [{"code": "k"}]}, valueQuantity=quantity)

    await on.put(
        measured("mg", value=5000, unit="mg", system=UCUM, code="mg"),
        measured("g", value=5, unit="grams", system=UCUM, code="g"),
        measured("bare", value=5),
        measured("less", value=3, comparator="<", system=UCUM, code="g"),
        measured("odd", value=5, system="urn:units", code="blob"),
    )
    table = {
        f"Observation?value-quantity=5|{UCUM}|g": "g mg",
        f"Observation?value-quantity=5000|{UCUM}|mg": "g mg",
        f"Observation?value-quantity=gt4.9|{UCUM}|g": "g mg",
        f"Observation?value-quantity=gt5|{UCUM}|g": "",
        f"Observation?value-quantity=ge5|{UCUM}|g": "g mg",
        f"Observation?value-quantity=lt1|{UCUM}|g": "less",
        "Observation?value-quantity=5": "bare g odd",
        "Observation?value-quantity=5||grams": "g",
        "Observation?value-quantity=5||g": "g",
        "Observation?value-quantity=5|urn:units|blob": "odd",
        "Observation?value-quantity=ap5.3||blob": "odd",
        "Observation?code-value-quantity=k$gt10": "mg",
        f"Observation?code-value-quantity=k$5|{UCUM}|g": "g mg",
        "Observation?code-value-quantity=j$5": "",
    }
    assert await found(on, table) == table


async def test_a_number_stands_for_what_its_digits_say(on: Shelf) -> None:
    def assessed(id: str, probability: float) -> dict[str, Any]:
        prediction = [{"probabilityDecimal": probability}]
        return {"resourceType": "RiskAssessment", "id": id, "status": "final", "prediction": prediction}

    await on.put(assessed("low", 99.4), assessed("edge", 99.5), assessed("hundred", 100), assessed("high", 100.5))
    table = {
        "RiskAssessment?probability=100": "edge hundred",
        "RiskAssessment?probability=100.0": "hundred",
        "RiskAssessment?probability=1e2": "edge high hundred low",
        "RiskAssessment?probability=ne100": "high low",
        "RiskAssessment?probability=gt100": "high",
        "RiskAssessment?probability=ge100": "high hundred",
        "RiskAssessment?probability=lt100": "edge low",
        "RiskAssessment?probability=le100": "edge hundred low",
        "RiskAssessment?probability=sa100": "high",
        "RiskAssessment?probability=eb99.5": "low",
        "RiskAssessment?probability=ap110": "edge high hundred low",
    }
    assert await found(on, table) == table


async def test_a_reference_is_found_by_id_by_type_by_url_and_by_identifier(on: Shelf) -> None:
    await on.put(
        observation("p", subject={"reference": "Patient/1"}),
        observation("g", subject={"reference": "Group/1"}),
        observation("base", subject={"reference": "http://here/fhir/Patient/1"}),
        observation("foreign", subject={"reference": "http://there/fhir/Patient/1"}),
        observation("logical", subject={"identifier": {"system": "urn:mrn", "value": "7"}}),
        observation("versioned", subject={"reference": "Patient/1/_history/3"}),
    )
    table = {
        "Observation?subject=Patient/1": "base p versioned",
        "Observation?subject=1": "base g p versioned",
        "Observation?subject:Group=1": "g",
        "Observation?patient=1": "base p versioned",
        "Observation?patient=Patient/1": "base p versioned",
        "Observation?subject=http://here/fhir/Patient/1": "base p versioned",
        "Observation?subject=http://there/fhir/Patient/1": "foreign",
        "Observation?subject:identifier=urn:mrn|7": "logical",
        "Observation?subject=Patient/2": "",
        "Observation?subject=Patient/1,Group/1": "base g p versioned",
        "Observation?patient=1&subject=Patient/1": "base p versioned",
    }
    assert await found(on, table) == table


async def test_a_uri_is_compared_letter_by_letter(on: Shelf) -> None:
    def form(id: str, url: str) -> dict[str, Any]:
        return {"resourceType": "Questionnaire", "id": id, "status": "active", "url": url}

    await on.put(form("a", "http://x.org/A"), form("ab", "http://x.org/A/b"))
    table = {
        "Questionnaire?url=http://x.org/A": "a",
        "Questionnaire?url=http://x.org/a": "",
        "Questionnaire?url:below=http://x.org/A": "a ab",
    }
    assert await found(on, table) == table


async def test_a_composite_asks_both_of_one_element(on: Shelf) -> None:
    def part(code: str, value: int) -> dict[str, Any]:
        return {"code": {"coding": [{"code": code}]}, "valueQuantity": {"value": value}}

    await on.put(
        observation("b", component=[part("sys", 120), part("dia", 80)]),
        {
            "resourceType": "DocumentReference",
            "id": "d2",
            "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/d1"}}],
        },
        observation(
            "c", code={"coding": [{"code": "q"}]}, valueCodeableConcept={"coding": [{"system": "urn:s", "code": "v"}]}
        ),
        observation("s", code={"coding": [{"code": "q"}]}, valueString="Straße"),
        observation("t", code={"coding": [{"code": "q"}]}, valueDateTime="2020-05-05"),
    )
    table = {
        "Observation?component-code-value-quantity=sys$120": "b",
        "Observation?component-code-value-quantity=sys$80": "",
        "Observation?combo-code-value-quantity=dia$lt90": "b",
        "Observation?code-value-concept=q$urn:s|v": "c",
        "Observation?code-value-string=q$strasse": "s",
        "Observation?code-value-date=q$2020-05": "t",
        "DocumentReference?relationship=replaces$d1": "d2",
        "DocumentReference?relationship=replaces$DocumentReference/d1": "d2",
        "DocumentReference?relationship=appends$d1": "",
    }
    assert await found(on, table) == table


async def test_what_all_resources_have_can_be_searched(on: Shelf) -> None:
    meta = {
        "tag": [{"system": "urn:t", "code": "x"}],
        "profile": ["http://x.org/P|2"],
        "security": [{"code": "R"}],
        "source": "urn:feed",
    }
    await on.put(patient("p1", meta=meta))
    await on.put(patient("p2"))
    table = {
        "Patient?_id=p1": "p1",
        "Patient?_id=p1,p2,p3": "p1 p2",
        "Patient?_tag=urn:t|x": "p1",
        "Patient?_tag:not=urn:t|x": "p2",
        "Patient?_profile=http://x.org/P": "p1",
        "Patient?_profile=http://x.org/P|2": "p1",
        "Patient?_security=R": "p1",
        "Patient?_source=urn:feed": "p1",
        "Patient?_lastUpdated=2023-11-14": "p1 p2",
        "Patient?_lastUpdated=2023-11-14T22:13:21Z": "p1",
        "Patient?_lastUpdated=gt2023-11-14T22:13:21Z": "p2",
        "Patient?_lastUpdated=le2023-11-14T22:13:21Z": "p1",
    }
    assert await found(on, table) == table
