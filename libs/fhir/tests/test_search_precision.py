"""Prefixes and precision where they are hard: the edges of calendars and clocks, units, ranges. On both databases."""

from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bedside.fhir.outcome import Refused
from bedside.fhir.search.query import parse
from bedside.fhir.search.testing import Shelf, shelf
from bedside.fhir.search.units import Canonical, canonical

UCUM = "http://unitsofmeasure.org"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    async with shelf(request.param, tmp_path) as empty:
        yield empty


def observation(id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": id, "status": "final", **elements}


async def found(on: Shelf, table: dict[str, str]) -> dict[str, str]:
    return {asked: " ".join(sorted(await on.found("Observation?" + quote(asked, safe="=&")))) for asked in table}


async def test_dates_hold_at_the_edges_of_calendars_and_clocks(on: Shelf) -> None:
    await on.put(
        observation("leap-day", effectiveDateTime="2020-02-29"),
        observation("last", effectiveDateTime="9999-12-31T23:59:59Z"),
        observation("first", effectiveDateTime="0001-01-01"),
        observation("kiritimati", effectiveDateTime="2021-01-01T00:30:00+14:00"),
        observation("leap-second", effectiveDateTime="2016-12-31T23:59:60Z"),
        observation("millisecond", effectiveDateTime="2022-01-01T00:00:00.123Z"),
    )
    table = {
        "date=2020-02": "leap-day",
        "date=2020-02-29": "leap-day",
        "date=sa2020-02-28&date=eb2020-03-01": "leap-day",
        "date=9999": "last",
        "date=9999-12-31": "last",
        "date=ge9999": "last",
        "date=0001": "first",
        "date=lt0002": "first",
        "date=2020-12-31": "kiritimati",
        "date=2020-12-31T10:30:00Z": "kiritimati",
        "date=2021-01-01T00:30:00+14:00": "kiritimati",
        "date=2016-12-31T23:59:59Z": "leap-second",
        "date=2016-12-31T23:59:60Z": "leap-second",
        "date=2022-01-01T00:00:00.123Z": "millisecond",
        "date=2022-01-01T00:00:00Z": "millisecond",
        "date=gt2022-01-01T00:00:00.122Z&date=lt2022-01-01T00:00:00.124Z": "millisecond",
        "date=2022-01-01T00:00:00.124Z": "",
    }
    assert await found(on, table) == table


@pytest.mark.parametrize(
    "value", ["2021-02-29", "2020-01-01T24:00:00Z", "2020-01-01T10:00:61Z", "2020-01-01T10", "10000", "2020-01-01Z"]
)
def test_a_date_that_no_calendar_has_is_refused(value: str) -> None:
    with pytest.raises(Refused) as refused:
        parse("Observation", [("date", value)])
    assert refused.value.status == 400


async def test_open_periods_reach_for_ever(on: Shelf) -> None:
    await on.put(
        observation("since", effectivePeriod={"start": "2020-06-01"}),
        observation("until", effectivePeriod={"end": "2020-06-30"}),
        observation("in", effectivePeriod={"start": "2020-06-01", "end": "2020-06-30"}),
    )
    table = {
        "date=2020-06": "in",
        "date=gt2020-06-30": "since",
        "date=lt2020-06-01": "until",
        "date=gt9998": "since",
        "date=lt0002": "until",
        "date=ap2020-06-15": "in since until",
        "date=sa2020-05": "in since",
        "date=eb2020-07": "in until",
    }
    assert await found(on, table) == table


async def test_a_timing_is_all_from_its_beginning_to_its_end(on: Shelf) -> None:
    await on.put(
        observation("events", effectiveTiming={"event": ["2013-01-31", "2013-03-24"]}),
        observation(
            "bounds", effectiveTiming={"repeat": {"boundsPeriod": {"start": "2013-01-31", "end": "2013-03-24"}}}
        ),
    )
    table = {
        "date=2013": "bounds events",
        "date=2013-01": "",
        "date=ap2013-02-15": "bounds events",
        "date=sa2013-01-30&date=eb2013-03-25": "bounds events",
    }
    assert await found(on, table) == table


@pytest.mark.parametrize(
    ("code", "base", "factor", "offset"),
    [
        ("mg/dL", "g1.m-3", Fraction(10), 0),
        ("g%", "g1.m-3", Fraction(10_000), 0),
        ("mmol/L", "m-3.mol1", Fraction(1), 0),
        ("meq/L", "eq1.m-3", Fraction(1), 0),
        ("mm[Hg]", "g1.m-1.s-2", Fraction(133_322), 0),
        ("[in_i]", "m1", Fraction(254, 10_000), 0),
        ("[lb_av]", "g1", Fraction(45_359_237, 100_000), 0),
        ("10*9/L", "m-3", Fraction(10**12), 0),
        ("mL/min/{1.73_m2}", "m3.s-1", Fraction(1, 60_000_000), 0),
        ("Cel", "K1", Fraction(1), Fraction(27315, 100)),
        ("Cel{core}", "K1", Fraction(1), Fraction(27315, 100)),
        ("[degF]", "K1", Fraction(5, 9), Fraction(45967, 180)),
        ("mo", "s1", Fraction(2_629_800), 0),
    ],
)
def test_a_unit_is_told_in_its_base(code: str, base: str, factor: Fraction, offset: Fraction) -> None:
    assert canonical(code) == Canonical(factor, base, Fraction(offset))


@pytest.mark.parametrize("code", ["[pH]", "deg", "mCel", "J/Cel", "{beats}", "beats", "mg/", "m[", "", "dB", "x" * 65])
def test_what_has_no_base_is_left_as_it_was_sent(code: str) -> None:
    assert canonical(code) is None


async def test_temperatures_lengths_and_weights_are_found_in_either_unit(on: Shelf) -> None:
    def measured(id: str, value: float, code: str) -> dict[str, Any]:
        return observation(id, valueQuantity={"value": value, "system": UCUM, "code": code, "unit": code})

    await on.put(
        measured("celsius", 37, "Cel"),
        measured("fahrenheit", 98.6, "[degF]"),
        measured("inches", 70, "[in_i]"),
        measured("centimetres", 177.8, "cm"),
        measured("pounds", 150, "[lb_av]"),
        measured("glucose", 90, "mg/dL"),
        measured("moles", 5, "mmol/L"),
    )
    table = {
        f"value-quantity=37|{UCUM}|Cel": "celsius fahrenheit",
        f"value-quantity=98.6|{UCUM}|[degF]": "celsius fahrenheit",
        f"value-quantity=ge98.6|{UCUM}|[degF]": "celsius fahrenheit",
        f"value-quantity=gt37|{UCUM}|Cel": "",
        # A tenth of 37 degrees, not of 310 kelvin.
        f"value-quantity=ap40|{UCUM}|Cel": "celsius fahrenheit",
        f"value-quantity=ap42|{UCUM}|Cel": "",
        f"value-quantity=177.8|{UCUM}|cm": "centimetres inches",
        f"value-quantity=68.04|{UCUM}|kg": "pounds",
        # Another dimension: nothing converts between them without knowing of what.
        f"value-quantity=5|{UCUM}|mmol/L": "moles",
        f"value-quantity=0.9|{UCUM}|g/L": "glucose",
    }
    assert await found(on, table) == table


async def test_ranges_and_comparators_are_intervals(on: Shelf) -> None:
    def amount(value: float) -> dict[str, Any]:
        return {"value": value, "system": UCUM, "code": "mg", "unit": "mg"}

    await on.put(
        observation("less", valueQuantity={**amount(3), "comparator": "<"}),
        observation("more", valueQuantity={**amount(3), "comparator": ">="}),
        observation("exact", valueQuantity=amount(3)),
        observation(
            "sampled",
            valueSampledData={"origin": amount(0), "period": 1, "dimensions": 1, "lowerLimit": 1, "upperLimit": 2},
        ),
    )
    table = {
        "value-quantity=3||mg": "exact",
        "value-quantity=lt2||mg": "less sampled",
        "value-quantity=gt4||mg": "more",
        "value-quantity=le2||mg": "less sampled",
        "value-quantity=ge3||mg": "exact more",
        "value-quantity=sa2||mg": "exact more",
        "value-quantity=eb3||mg": "less sampled",
    }
    assert await found(on, table) == table


async def test_last_updated_is_asked_to_the_millisecond(on: Shelf) -> None:
    await on.put(observation("first"))  # at 22:13:21.000
    await on.put(observation("second"))  # a second later
    table = {
        "_lastUpdated=2023-11-14T22:13:21.000Z": "first",
        "_lastUpdated=2023-11-14T22:13:21.001Z": "",
        "_lastUpdated=gt2023-11-14T22:13:21.999Z": "second",
        "_lastUpdated=ge2023-11-14T22:13:22.000Z": "second",
        "_lastUpdated=lt2023-11-14T22:13:21.001Z": "first",
        "_lastUpdated=2023-11-15T12:13:21.000+14:00": "first",
        "_lastUpdated=ne2023-11-14T22:13:21Z": "second",
    }
    assert await found(on, table) == table
