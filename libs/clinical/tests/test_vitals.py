"""R11."""

from typing import Any

import pytest

from bedside.clinical.testing import MOMENT, coded, vital
from bedside.clinical.vitals import LatestVitals, latest_vitals

RECENT = "2026-06-15T08:00:00Z"
INPATIENT: Any = {"id": "e", "status": "in-progress", "class": {"code": "IMP"}}
WEIGHT, PULSE, TEMPERATURE = "29463-7", "8867-4", "8310-5"


def of(*records: Any, encounters: tuple[Any, ...] = (), age: int | None = 40) -> LatestVitals:
    return latest_vitals(records, encounters, age, MOMENT, whole=True)


@pytest.mark.parametrize(
    ("loinc", "value", "unit", "shown"),
    [
        (WEIGHT, 180, "[lb_av]", 81.6),
        (WEIGHT, 16400, "g", 16.4),
        (WEIGHT, 70.25, "kg", 70.3),
        (TEMPERATURE, 98.6, "[degF]", 37),
        (TEMPERATURE, 101.5, "[degF]", 38.6),
        ("8302-2", 65, "[in_i]", 165.1),
        ("8302-2", 1.655, "m", 165.5),
        (PULSE, 70, "{beats}/min", 70),
    ],
)
def test_units_become_those_of_the_ward(loinc: str, value: float, unit: str, shown: float) -> None:
    vitals = of(vital("a", loinc, value, unit, RECENT))
    told = next(v for v in (vitals.weight, vitals.temperature, vitals.height, vitals.pulse) if v)
    assert told.value == shown


def test_an_unknown_unit_shows_no_number_and_is_no_previous_value() -> None:
    stone = vital("b", WEIGHT, 12, "[stone_av]", RECENT)
    vitals = of(vital("a", WEIGHT, 76, "kg", "2026-06-01T08:00:00Z"), stone)
    assert vitals.weight is not None
    assert (vitals.weight.value, vitals.weight.flag, vitals.weight.previous) == (None, "unit-not-recognised", None)
    later = of(vital("z", WEIGHT, 75, "kg", "2026-06-15T09:00:00Z"), stone, vital("a", WEIGHT, 76, "kg", "2026-06-01"))
    assert later.weight is not None
    assert later.weight.previous is not None
    assert later.weight.previous.value == 76


@pytest.mark.parametrize(
    ("elements", "age", "flag"),
    [
        ({}, 40, "high"),
        ({}, 15, None),
        ({}, None, None),
        ({"interpretation": [coded("LL", "x")]}, 40, "critical-low"),
        ({"interpretation": [coded("A", "x")]}, 40, "high"),
        ({"referenceRange": [{"high": {"value": 140, "code": "/min"}}]}, 15, "normal"),
        ({"referenceRange": [{"low": {"value": 130, "code": "/min"}}]}, 40, "low"),
    ],
)
def test_the_source_s_own_judgement_comes_before_our_table(elements: Any, age: int | None, flag: str | None) -> None:
    pulse = of(vital("a", PULSE, 120, "/min", RECENT, **elements), age=age).pulse
    assert pulse is not None
    assert pulse.flag == flag


@pytest.mark.parametrize(
    ("value", "flag"),
    [(40, "critical-low"), (41, "low"), (49, "low"), (50, "normal"), (100, "normal"), (101, "high"),
     (129, "high"), (130, "critical-high")],
)  # fmt: skip
def test_every_boundary_of_the_adult_pulse(value: float, flag: str) -> None:
    pulse = of(vital("a", PULSE, value, "/min", RECENT)).pulse
    assert pulse is not None
    assert pulse.flag == flag


@pytest.mark.parametrize(
    ("at", "encounters", "stale"),
    [
        ("2026-06-14T08:00:00Z", (INPATIENT,), True),
        ("2026-06-14T10:00:00Z", (INPATIENT,), False),
        ("2026-06-01T08:00:00Z", (), False),
        ("2025-06-01T08:00:00Z", (), True),
    ],
)
def test_values_age_faster_in_hospital(at: str, encounters: tuple[Any, ...], stale: bool) -> None:
    pulse = of(vital("a", PULSE, 70, "/min", at), encounters=encounters).pulse
    assert pulse is not None
    assert pulse.stale is stale


@pytest.mark.parametrize(("before", "trend"), [(61, "steady"), (60, "up"), (80, "down")])
def test_a_trend_needs_a_change_that_counts(before: float, trend: str) -> None:
    records = [vital("a", PULSE, before, "/min", "2026-06-10T08:00:00Z"), vital("b", PULSE, 70, "/min", RECENT)]
    pulse = of(*records).pulse
    assert pulse is not None
    assert pulse.trend == trend


def test_a_value_of_too_long_ago_is_no_previous_one() -> None:
    pulse = of(vital("a", PULSE, 50, "/min", "2026-05-01"), vital("b", PULSE, 70, "/min", RECENT)).pulse
    assert pulse is not None
    assert (pulse.previous, pulse.trend) == (None, None)


def pressure(systolic: float, diastolic: float) -> Any:
    parts = [("8480-6", systolic), ("8462-4", diastolic)]
    component = [
        {"code": coded(loinc, "http://loinc.org"), "valueQuantity": {"value": value, "code": "mm[Hg]"}}
        for loinc, value in parts
    ]
    record = {key: told for key, told in vital("a", "85354-9", 0, "", RECENT).items() if key != "valueQuantity"}
    return record | {"component": component}


@pytest.mark.parametrize(
    ("systolic", "diastolic", "flag"),
    [(120, 80, "normal"), (85, 95, "high"), (185, 55, "critical-high"), (120, 38, "critical-low")],
)
def test_a_blood_pressure_is_as_bad_as_its_worse_half(systolic: float, diastolic: float, flag: str) -> None:
    told = of(pressure(systolic, diastolic)).blood_pressure
    assert told is not None
    assert told.flag == flag


@pytest.mark.parametrize("status", ["preliminary", "entered-in-error", "registered", "cancelled", "unknown"])
def test_what_is_not_final_is_not_shown(status: str) -> None:
    assert of(vital("a", PULSE, 70, "/min", RECENT, status=status)).pulse is None
