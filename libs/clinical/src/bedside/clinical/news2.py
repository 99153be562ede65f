"""R12: NEWS2, the National Early Warning Score. Source: Royal College of Physicians, 2017.

The score is computed from its parameters and never taken from a stored total; a missing parameter is missing, not 0.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from bedside.clinical.concepts import codes
from bedside.clinical.encounters import is_acute
from bedside.clinical.moments import Moment, instant
from bedside.clinical.moments import shown as shown_at
from bedside.clinical.observed import (
    BLOOD_PRESSURE,
    CONSCIOUSNESS,
    PULSE,
    RESPIRATION,
    SATURATION,
    SYSTOLIC,
    TEMPERATURE,
    Reading,
    breathes_oxygen,
    component,
    consciousness_of,
    oxygen_readings,
    readings,
)
from bedside.clinical.problems import is_pregnant
from bedside.clinical.resources import Condition, Encounter, Observation, Quantity, ServiceRequest
from bedside.clinical.shown import Number, Shown, Status, number, rounded
from bedside.clinical.units import CELSIUS, MMHG, PER_MINUTE, PERCENT, Unit

AGE_Y_MIN = 16
COUNTED = timedelta(hours=72)
SET_LASTS = timedelta(minutes=60)
SCALE_2_SYSTEM = "http://example.org/fhir/CodeSystem/ews"
SCALE_2_ORDER = "spo2-scale-2"

Scale = Literal[1, 2]
Value = Decimal | str
Risk = Literal["low", "low-medium", "medium", "high"]
Parameters = Mapping[str, Value | None]

# In the order of the chart.
UNITS: dict[str, str | None] = {
    "respiratoryRate": "/min",
    "oxygenSaturation": "%",
    "supplementalOxygen": None,
    "systolicBloodPressure": "mmHg",
    "pulse": "/min",
    "consciousness": None,
    "temperature": "°C",
}
# Each band: up to and including this value, these points; the last one is what is above.
_BANDS: dict[str, tuple[tuple[str, int], ...]] = {
    "respiratoryRate": (("8", 3), ("11", 1), ("20", 0), ("24", 2), ("Infinity", 3)),
    "oxygenSaturation": (("91", 3), ("93", 2), ("95", 1), ("Infinity", 0)),
    "systolicBloodPressure": (("90", 3), ("100", 2), ("110", 1), ("219", 0), ("Infinity", 3)),
    "pulse": (("40", 3), ("50", 1), ("90", 0), ("110", 1), ("130", 2), ("Infinity", 3)),
    "temperature": (("35.0", 3), ("36.0", 1), ("38.0", 0), ("39.0", 1), ("Infinity", 2)),
}
_SCALE_2_AIR = (("83", 3), ("85", 2), ("87", 1), ("Infinity", 0))
_SCALE_2_OXYGEN = (("83", 3), ("85", 2), ("87", 1), ("92", 0), ("94", 1), ("96", 2), ("Infinity", 3))
_RESPONSES: dict[tuple[Risk, bool], tuple[str, str, timedelta | None]] = {
    ("high", True): ("emergency-review", "continuous", None),
    ("medium", True): ("urgent-review", "every-1h", timedelta(hours=1)),
    ("low-medium", True): ("urgent-ward-review", "every-1h", timedelta(hours=1)),
    ("low", True): ("nurse-review", "every-4h", timedelta(hours=4)),
    ("low", False): ("routine", "every-12h", timedelta(hours=12)),
}


@dataclass(frozen=True)
class Score:
    """What seven parameters come to. `points` are None where the parameter is missing."""

    points: Mapping[str, int | None]
    missing: tuple[str, ...]
    score: int | None
    risk: Risk | None
    red_parameter: bool
    response: str | None
    monitoring: str | None
    interval: timedelta | None

    @property
    def complete(self) -> bool:
        return not self.missing


class ScoredParameter(Shown):
    name: str
    value: Number | str | None
    unit: str | None
    points: int | None


class PastScore(Shown):
    at: str
    score: int
    risk: Risk


class News2(Shown):
    status: Status
    applicable: bool | None
    reason: str | None
    scale: Scale | None
    at: str | None
    complete: bool | None
    missing: list[str] | None
    score: int | None
    risk: Risk | None
    red_parameter: bool | None
    response: str | None
    monitoring: str | None
    next_due: str | None
    overdue: bool | None
    trend: Literal["up", "down", "steady"] | None
    parameters: list[ScoredParameter] | None
    history: list[PastScore] | None


class EarlyWarning(Shown):
    """What a chart shows of it."""

    status: Status
    applicable: bool | None
    reason: str | None
    score: int | None
    risk: Risk | None
    at: str | None
    trend: Literal["up", "down", "steady"] | None
    complete: bool | None
    missing: list[str] | None


def unknown(status: Literal["unavailable", "partial"]) -> News2:
    """A part of the observations would be a wrong score: what is not whole has none."""
    keys = dict.fromkeys(name for name in News2.model_fields if name != "status")
    return News2.model_validate({"status": status, **keys}, by_name=True)


def early_warning(news2: News2) -> EarlyWarning:
    kept = {name: getattr(news2, name) for name in EarlyWarning.model_fields}
    return EarlyWarning.model_validate(kept, by_name=True)


def news2(
    observations: Iterable[Observation],
    encounters: Iterable[Encounter],
    conditions: Iterable[Condition],
    orders: Iterable[ServiceRequest],
    age_y: int | None,
    moment: Moment,
) -> News2:
    reason = _reason_against(encounters, conditions, age_y)
    if reason:
        return _not_applicable(reason)
    taken = _taken(list(observations), moment)
    sets = _sets(taken, _scale_2_from(orders, moment))
    if not sets:
        return _without_observations()
    return _told(sets, moment)


def score(parameters: Parameters, scale: Scale = 1) -> Score:
    """`supplementalOxygen` is "air" or "oxygen", `consciousness` its word; a parameter that is absent is missing."""
    points = {name: _points(name, parameters, scale) for name in UNITS}
    missing = tuple(name for name, found in points.items() if found is None)
    red = any(found == 3 for found in points.values())
    if missing:
        return Score(points, missing, None, None, red, None, None, None)
    total = sum(found for found in points.values() if found is not None)
    risk = _risk(total, red)
    response, monitoring, interval = _RESPONSES[risk, total > 0]
    return Score(points, missing, total, risk, red, response, monitoring, interval)


def _risk(total: int, red: bool) -> Risk:
    if total >= 7:
        return "high"
    if total >= 5:
        return "medium"
    return "low-medium" if red else "low"


def _points(name: str, parameters: Parameters, scale: Scale) -> int | None:
    value = parameters.get(name)
    if value is None:
        return None
    if name == "supplementalOxygen":
        return 2 if value == "oxygen" else 0
    if name == "consciousness":
        return 0 if value == "alert" else 3
    bands = _BANDS[name]
    if name == "oxygenSaturation" and scale == 2:
        on_oxygen = parameters.get("supplementalOxygen")
        if on_oxygen is None and Decimal(value) >= 93:
            # 93 and more is 0 on air and bad on oxygen: without knowing which, it is not known.
            return None
        bands = _SCALE_2_OXYGEN if on_oxygen == "oxygen" else _SCALE_2_AIR
    # The chart has whole numbers, and tenths for temperature: nothing falls between two bands.
    measured = rounded(Decimal(value), "0.1" if name == "temperature" else "1")
    return next(points for most, points in bands if measured <= Decimal(most))


@dataclass(frozen=True)
class _Taken:
    name: str
    at: datetime
    value: Value


@dataclass(frozen=True)
class _Set:
    at: datetime
    values: Parameters
    scale: Scale

    @property
    def scored(self) -> Score:
        return score(self.values, self.scale)


def _reason_against(encounters: Iterable[Encounter], conditions: Iterable[Condition], age_y: int | None) -> str | None:
    if age_y is None:
        # A child must never be scored as an adult, and nothing says this is none.
        return "age-unknown"
    if age_y < AGE_Y_MIN:
        return "under-16"
    if not any(visit.get("status") == "in-progress" and is_acute(visit) for visit in encounters):
        return "no-current-acute-encounter"
    return "pregnant" if is_pregnant(conditions) else None


def _taken(observations: list[Observation], moment: Moment) -> list[_Taken]:
    """Newest first within each parameter."""

    def of(name: str, *loinc: str, unit: Unit) -> list[_Taken]:
        found = readings(observations, loinc, moment.zone)
        return [_Taken(name, item.at, value) for item in found if (value := _measured(item, name, unit)) is not None]

    oxygen = [
        _Taken("supplementalOxygen", item.at, "oxygen" if on_oxygen else "air")
        for item in oxygen_readings(observations, moment.zone)
        if (on_oxygen := breathes_oxygen(item.source)) is not None
    ]
    conscious = [
        _Taken("consciousness", item.at, word)
        for item in readings(observations, (CONSCIOUSNESS,), moment.zone)
        if (word := consciousness_of(item.source)) is not None
    ]
    everything = [
        *of("respiratoryRate", RESPIRATION, unit=PER_MINUTE),
        *of("oxygenSaturation", *SATURATION, unit=PERCENT),
        *oxygen,
        *of("systolicBloodPressure", BLOOD_PRESSURE, unit=MMHG),
        *of("pulse", PULSE, unit=PER_MINUTE),
        *conscious,
        *of("temperature", TEMPERATURE, unit=CELSIUS),
    ]
    return [item for item in everything if moment.now - COUNTED <= item.at <= moment.now]


def _measured(item: Reading, name: str, unit: Unit) -> Decimal | None:
    quantity: Quantity | None = item.source.get("valueQuantity")
    if name == "systolicBloodPressure":
        quantity = component(item.source, SYSTOLIC).get("valueQuantity")
    return unit.value_of(quantity) if quantity else None


def _scale_2_from(orders: Iterable[ServiceRequest], moment: Moment) -> datetime | None:
    """Sets from then on are on scale 2; None when no active order says so. A COPD diagnosis says nothing."""
    begun = [
        instant(order.get("authoredOn"), moment.zone) or datetime.min.replace(tzinfo=moment.zone)
        for order in orders
        if order.get("status") == "active" and SCALE_2_ORDER in codes(order.get("code"), SCALE_2_SYSTEM)
    ]
    return min(begun, default=None)


def _sets(taken: list[_Taken], scale_2_from: datetime | None) -> list[_Set]:
    """Newest first."""
    sets = []
    ends = max((item.at for item in taken), default=None)
    while ends is not None:
        values: dict[str, Value | None] = dict.fromkeys(UNITS)
        within = [item for item in taken if ends - SET_LASTS <= item.at <= ends]
        for item in sorted(within, key=lambda item: item.at):
            latest = max(other.at for other in within if other.name == item.name)
            if item.at == latest and values[item.name] is None:
                values[item.name] = item.value
        on_scale_2 = scale_2_from is not None and ends >= scale_2_from
        sets.append(_Set(ends, values, 2 if on_scale_2 else 1))
        ends = max((item.at for item in taken if item.at <= ends - SET_LASTS), default=None)
    return sets


def _told(sets: list[_Set], moment: Moment) -> News2:
    newest = sets[0]
    scored = newest.scored
    complete = [(item, past) for item in sets if (past := item.scored).complete]
    before = next((past.score for item, past in complete if item is not newest), None)
    due = newest.at + scored.interval if scored.interval else None
    return News2(
        status="ok",
        applicable=True,
        reason=None,
        scale=newest.scale,
        at=shown_at(newest.at, moment.zone),
        complete=scored.complete,
        missing=list(scored.missing),
        score=scored.score,
        risk=scored.risk,
        red_parameter=scored.red_parameter,
        response=scored.response,
        monitoring=scored.monitoring,
        next_due=shown_at(due, moment.zone) if due else None,
        overdue=due is not None and due < moment.now if scored.complete else None,
        trend=_trend(scored.score, before),
        parameters=[_parameter(name, newest.values[name], scored.points[name]) for name in UNITS],
        history=[
            PastScore(at=shown_at(item.at, moment.zone), score=past.score, risk=past.risk)
            for item, past in complete
            if past.score is not None and past.risk is not None
        ],
    )


def _trend(now: int | None, before: int | None) -> Literal["up", "down", "steady"] | None:
    if now is None or before is None:
        return None
    if now == before:
        return "steady"
    return "up" if now > before else "down"


def _parameter(name: str, value: Value | None, points: int | None) -> ScoredParameter:
    told = number(value) if isinstance(value, Decimal) else value
    return ScoredParameter(name=name, value=told, unit=UNITS[name], points=points)


def _not_applicable(reason: str) -> News2:
    keys = dict.fromkeys(News2.model_fields)
    known = {"status": "ok", "applicable": False, "reason": reason, "missing": [], "parameters": [], "history": []}
    return News2.model_validate(keys | known, by_name=True)


def _without_observations() -> News2:
    nothing = [_parameter(name, None, None) for name in UNITS]
    known = {"status": "ok", "applicable": True, "reason": "no-observations", "complete": False}
    lists = {"missing": list(UNITS), "parameters": nothing, "history": []}
    return News2.model_validate(
        dict.fromkeys(News2.model_fields) | known | lists | {"red_parameter": False}, by_name=True
    )
