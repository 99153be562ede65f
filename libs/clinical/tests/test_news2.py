"""NEWS2 against the vectors of the Royal College's chart, and every boundary of it."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bedside.clinical.moments import Moment
from bedside.clinical.news2 import UNITS, early_warning, news2, score

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "news2-vectors.json").read_text())
LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 6, 15, 10, tzinfo=LONDON)
MOMENT = Moment(NOW, LONDON)
CODES = {"respiratoryRate": ("9279-1", "/min"), "oxygenSaturation": ("59408-5", "%"), "pulse": ("8867-4", "/min"),
         "temperature": ("8310-5", "Cel")}  # fmt: skip
WORDS = {"alert": "248234008", "confused": "130987000", "voice": "300202002", "pain": "450847001",
         "unresponsive": "422768004"}  # fmt: skip
INPATIENT: Any = {"id": "e", "status": "in-progress", "class": {"code": "IMP"}}
SCALE_2_CODE = {"system": "http://example.org/fhir/CodeSystem/ews", "code": "spo2-scale-2"}
SCALE_2: Any = {"id": "s", "status": "active", "code": {"coding": [SCALE_2_CODE]}}
NORMAL = {"respiratoryRate": 16, "oxygenSaturation": 98, "onOxygen": False, "systolicBloodPressure": 120, "pulse": 70,
          "consciousness": "alert", "temperature": 36.8}  # fmt: skip


def observations(values: dict[str, Any], at: datetime) -> list[Any]:
    found = [_observation(name, value, at) for name, value in values.items() if value is not None]
    return [{"id": f"{at.isoformat()}-{i}", "status": "final", "effectiveDateTime": at.isoformat()} | item
            for i, item in enumerate(found)]  # fmt: skip


def _observation(name: str, value: Any, at: datetime) -> dict[str, Any]:
    if name == "onOxygen":
        return {"code": _coded("http://snomed.info/sct", "57485005" if value else "722742002")}
    if name == "consciousness":
        answer = _coded("http://snomed.info/sct", WORDS[value])
        return {"code": _coded("http://loinc.org", "80288-4"), "valueCodeableConcept": answer}
    if name == "systolicBloodPressure":
        systolic = {"code": _coded("http://loinc.org", "8480-6"), "valueQuantity": {"value": value, "code": "mm[Hg]"}}
        return {"code": _coded("http://loinc.org", "85354-9"), "component": [systolic]}
    loinc, unit = CODES[name]
    return {"code": _coded("http://loinc.org", loinc), "valueQuantity": {"value": value, "code": unit}}


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['id']} {vector['note']}")
def test_a_vector_of_the_chart(vector: dict[str, Any]) -> None:
    taken = observations(vector["input"], NOW - timedelta(minutes=30))
    orders = [SCALE_2] if vector["scale"] == 2 else []
    found = news2(taken, [INPATIENT], [], orders, vector["age"], MOMENT).model_dump(by_alias=True)
    assert found["scale"] == vector["scale"]
    shown = {name: found[name] for name in vector["expected"] if name != "points"}
    shown["points"] = {item["name"]: item["points"] for item in found["parameters"]}
    assert shown == vector["expected"]


BOUNDARIES = {
    "respiratoryRate": {"8": 3, "9": 1, "11": 1, "12": 0, "20": 0, "21": 2, "24": 2, "25": 3},
    "oxygenSaturation": {"84": 3, "91": 3, "92": 2, "93": 2, "94": 1, "95": 1, "96": 0},
    "systolicBloodPressure": {"90": 3, "91": 2, "100": 2, "101": 1, "110": 1, "111": 0, "219": 0, "220": 3},
    "pulse": {"40": 3, "41": 1, "50": 1, "51": 0, "90": 0, "91": 1, "110": 1, "111": 2, "130": 2, "131": 3},
    "temperature": {
        "35.0": 3, "35.1": 1, "36.0": 1, "36.1": 0, "38.0": 0, "38.1": 1, "39.0": 1, "39.04": 1, "39.1": 2,
    },
    "consciousness": {"alert": 0, "confused": 3, "voice": 3, "pain": 3, "unresponsive": 3},
    "supplementalOxygen": {"air": 0, "oxygen": 2},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "points"),
    [(name, value, points) for name, cases in BOUNDARIES.items() for value, points in cases.items()],
)
def test_every_boundary_of_scale_1(name: str, value: str, points: int) -> None:
    measured = value if name in ("consciousness", "supplementalOxygen") else Decimal(value)
    assert score({name: measured}).points[name] == points


@pytest.mark.parametrize(
    ("saturation", "breathing", "points"),
    [
        (83, "air", 3), (84, "air", 2), (85, "air", 2), (86, "air", 1), (87, "air", 1), (88, "air", 0), (92, "air", 0),
        (93, "air", 0), (100, "air", 0), (92, "oxygen", 0), (93, "oxygen", 1), (94, "oxygen", 1), (95, "oxygen", 2),
        (96, "oxygen", 2), (97, "oxygen", 3), (92, None, 0), (93, None, None),
    ],
)  # fmt: skip
def test_every_boundary_of_scale_2(saturation: int, breathing: str | None, points: int | None) -> None:
    scored = score({"oxygenSaturation": Decimal(saturation), "supplementalOxygen": breathing}, 2)
    assert scored.points["oxygenSaturation"] == points


def test_a_parameter_61_minutes_older_than_the_newest_is_missing() -> None:
    taken = observations({**NORMAL, "temperature": None}, NOW) + observations(
        {"temperature": 37}, NOW - timedelta(minutes=61)
    )
    found = news2(taken, [INPATIENT], [], [], 40, MOMENT)
    assert (found.complete, found.missing, found.score) == (False, ["temperature"], None)


def test_the_trend_compares_with_the_previous_complete_set() -> None:
    taken = observations({**NORMAL, "pulse": 120}, NOW) + observations(NORMAL, NOW - timedelta(hours=4))
    found = news2(taken, [INPATIENT], [], [], 40, MOMENT)
    assert (found.trend, [past.score for past in found.history or []]) == ("up", [2, 0])


def test_observations_older_than_72_hours_do_not_count() -> None:
    found = news2(observations(NORMAL, NOW - timedelta(hours=73)), [INPATIENT], [], [], 40, MOMENT)
    assert (found.applicable, found.reason, found.missing) == (True, "no-observations", list(UNITS))


PREGNANT: Any = {"id": "c", "clinicalStatus": {"coding": [{"code": "active"}]},
                 "code": _coded("http://snomed.info/sct", "77386006")}  # fmt: skip


@pytest.mark.parametrize(
    ("age", "encounters", "conditions", "reason"),
    [
        (15, [INPATIENT], [], "under-16"),
        (None, [INPATIENT], [], "age-unknown"),
        (40, [], [], "no-current-acute-encounter"),
        (40, [{**INPATIENT, "class": {"code": "AMB"}}], [], "no-current-acute-encounter"),
        (40, [INPATIENT], [PREGNANT], "pregnant"),
    ],
)
def test_who_is_not_scored(age: int | None, encounters: list[Any], conditions: list[Any], reason: str) -> None:
    found = early_warning(news2(observations(NORMAL, NOW), encounters, conditions, [], age, MOMENT))
    assert (found.applicable, found.reason, found.score, found.missing) == (False, reason, None, [])


def test_copd_alone_is_never_scale_2() -> None:
    copd: Any = {"id": "k", "code": _coded("http://snomed.info/sct", "13645005")}
    found = news2(observations({**NORMAL, "oxygenSaturation": 90}, NOW), [INPATIENT], [copd], [], 70, MOMENT)
    assert (found.scale, found.score) == (1, 3)


def test_a_set_before_the_order_stays_on_scale_1() -> None:
    order: Any = {**SCALE_2, "authoredOn": NOW.isoformat()}
    taken = observations({**NORMAL, "oxygenSaturation": 90}, NOW - timedelta(hours=1))
    assert news2(taken, [INPATIENT], [], [order], 70, MOMENT).scale == 1
