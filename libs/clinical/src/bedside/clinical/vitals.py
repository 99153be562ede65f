"""R11: the latest vital signs, and which way they go."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from bedside.clinical.concepts import any_code
from bedside.clinical.encounters import is_acute, is_current
from bedside.clinical.moments import Moment, older
from bedside.clinical.moments import shown as shown_at
from bedside.clinical.observed import (
    BLOOD_PRESSURE,
    CONSCIOUSNESS,
    DIASTOLIC,
    HEIGHT,
    PULSE,
    RESPIRATION,
    SATURATION,
    SYSTOLIC,
    TEMPERATURE,
    WEIGHT,
    Reading,
    breathes_oxygen,
    component,
    consciousness_of,
    oxygen_readings,
    readings,
)
from bedside.clinical.resources import CodeableConcept, Component, Encounter, Observation, Quantity, ReferenceRange
from bedside.clinical.shown import Number, Shown, Status, number
from bedside.clinical.units import CELSIUS, CENTIMETRE, KILOGRAM, LITRES_PER_MINUTE, MMHG, PER_MINUTE, PERCENT, Unit

Trend = Literal["up", "down", "steady"]
ADULT_Y = 16
UNIT_NOT_RECOGNISED = "unit-not-recognised"
_INTERPRETATIONS = {"N": "normal", "L": "low", "H": "high", "LL": "critical-low", "HH": "critical-high"}
_WORSE_LATER = ("normal", "low", "high", "critical-low", "critical-high")


@dataclass(frozen=True)
class Bands:
    """Adult limits: up to and including `critical_low`, below `low`, above `high`, from `critical_high` on."""

    critical_low: str
    low: str
    high: str | None = None
    critical_high: str | None = None

    def flag(self, value: Decimal) -> str:
        if value <= Decimal(self.critical_low):
            return "critical-low"
        if value < Decimal(self.low):
            return "low"
        if self.critical_high is not None and value >= Decimal(self.critical_high):
            return "critical-high"
        return "high" if self.high is not None and value > Decimal(self.high) else "normal"


@dataclass(frozen=True)
class Sign:
    """`step` is the change that counts as one."""

    loinc: tuple[str, ...]
    unit: Unit
    step: str
    bands: Bands | None = None
    compared_within: timedelta = timedelta(days=30)
    ages_slowly: bool = False


SYSTOLIC_SIGN = Sign((SYSTOLIC,), MMHG, "10", Bands("79", "90", "139", "180"))
DIASTOLIC_SIGN = Sign((DIASTOLIC,), MMHG, "10", Bands("39", "60", "89", "120"))
PULSE_SIGN = Sign((PULSE,), PER_MINUTE, "10", Bands("40", "50", "100", "130"))
RESPIRATION_SIGN = Sign((RESPIRATION,), PER_MINUTE, "2", Bands("8", "12", "20", "25"))
TEMPERATURE_SIGN = Sign((TEMPERATURE,), CELSIUS, "0.5", Bands("35.0", "36.0", "38.0", "39.1"))
SATURATION_SIGN = Sign(SATURATION, PERCENT, "2", Bands("91", "94"))
WEIGHT_SIGN = Sign((WEIGHT,), KILOGRAM, "1", compared_within=timedelta(days=400), ages_slowly=True)
HEIGHT_SIGN = Sign((HEIGHT,), CENTIMETRE, "1", compared_within=timedelta(days=400), ages_slowly=True)


class PreviousValue(Shown):
    value: Number
    at: str


class Vital(Shown):
    value: Number
    unit: str | None
    at: str
    flag: str | None
    trend: Trend | None
    stale: bool
    previous: PreviousValue | None


class UnreadVital(Shown):
    """Measured in a unit that is not known: no number is shown that could be taken for another."""

    value: None
    unit: None
    at: str
    flag: Literal["unit-not-recognised"]
    trend: None
    stale: bool
    previous: None


class PreviousPressure(Shown):
    systolic: Number | None
    diastolic: Number | None
    at: str


class BloodPressure(Shown):
    systolic: Number | None
    diastolic: Number | None
    unit: str | None
    at: str
    flag: str | None
    trend: Trend | None
    stale: bool
    previous: PreviousPressure | None


class SupplementalOxygen(Shown):
    on_oxygen: bool
    flow: Number | None
    unit: str | None
    at: str


class Consciousness(Shown):
    value: str | None
    at: str


class LatestVitals(Shown):
    status: Status
    blood_pressure: BloodPressure | None
    pulse: Vital | UnreadVital | None
    respiratory_rate: Vital | UnreadVital | None
    temperature: Vital | UnreadVital | None
    oxygen_saturation: Vital | UnreadVital | None
    supplemental_oxygen: SupplementalOxygen | None
    consciousness: Consciousness | None
    weight: Vital | UnreadVital | None
    height: Vital | UnreadVital | None


UNAVAILABLE = LatestVitals(
    status="unavailable",
    blood_pressure=None,
    pulse=None,
    respiratory_rate=None,
    temperature=None,
    oxygen_saturation=None,
    supplemental_oxygen=None,
    consciousness=None,
    weight=None,
    height=None,
)


def latest_vitals(
    observations: Iterable[Observation],
    encounters: Iterable[Encounter],
    age_y: int | None,
    moment: Moment,
    *,
    whole: bool,
) -> LatestVitals:
    """Without the encounters it is not known whether values age fast: then they do."""
    taken = list(observations)
    looking = _Looking(taken, moment, adult=age_y is not None and age_y >= ADULT_Y, acute=_in_acute_care(encounters))
    return LatestVitals(
        status="ok" if whole else "partial",
        blood_pressure=looking.blood_pressure(),
        pulse=looking.vital(PULSE_SIGN),
        respiratory_rate=looking.vital(RESPIRATION_SIGN),
        temperature=looking.vital(TEMPERATURE_SIGN),
        oxygen_saturation=looking.vital(SATURATION_SIGN),
        supplemental_oxygen=_oxygen(taken, moment),
        consciousness=_consciousness(taken, moment),
        weight=looking.vital(WEIGHT_SIGN),
        height=looking.vital(HEIGHT_SIGN),
    )


@dataclass(frozen=True)
class _Looking:
    observations: list[Observation]
    moment: Moment
    adult: bool
    acute: bool

    def vital(self, sign: Sign) -> Vital | UnreadVital | None:
        found = self._found(sign.loinc)
        valued = [reading for reading in found if "value" in reading.source.get("valueQuantity", {})]
        if not valued:
            return None
        latest, earlier = valued[0], valued[1:]
        at, stale = shown_at(latest.at, self.moment.zone), self._is_stale(latest.at, sign)
        value = sign.unit.value_of(latest.source["valueQuantity"])
        if value is None:
            return UnreadVital(
                value=None, unit=None, at=at, flag=UNIT_NOT_RECOGNISED, trend=None, stale=stale, previous=None
            )
        before = self._before(sign, latest, earlier)
        return Vital(
            value=number(value),
            unit=sign.unit.shown,
            at=at,
            flag=self._flag(sign, latest.source, value),
            trend=_trend(value, before[1], sign) if before else None,
            stale=stale,
            previous=PreviousValue(value=number(before[1]), at=shown_at(before[0], self.moment.zone))
            if before
            else None,
        )

    def blood_pressure(self) -> BloodPressure | None:
        pressures = [
            pressure for pressure in map(_Pressure.of, self._found((BLOOD_PRESSURE,))) if pressure.was_measured
        ]
        if not pressures:
            return None
        latest = pressures[0]
        stale = self._is_stale(latest.at, SYSTOLIC_SIGN)
        at = shown_at(latest.at, self.moment.zone)
        if not latest.is_readable:
            return BloodPressure(
                systolic=None, diastolic=None, unit=None, at=at, flag=UNIT_NOT_RECOGNISED, trend=None, stale=stale,
                previous=None,
            )  # fmt: skip
        before = next(
            (
                pressure
                for pressure in pressures[1:]
                if pressure.is_readable and pressure.at < latest.at
                and latest.at - pressure.at <= SYSTOLIC_SIGN.compared_within
            ),
            None,
        )  # fmt: skip
        return BloodPressure(
            systolic=_number(latest.systolic),
            diastolic=_number(latest.diastolic),
            unit=MMHG.shown,
            at=at,
            flag=self._pressure_flag(latest),
            trend=_trend(latest.systolic, before.systolic, SYSTOLIC_SIGN)
            if before and latest.systolic is not None and before.systolic is not None
            else None,
            stale=stale,
            previous=PreviousPressure(
                systolic=_number(before.systolic),
                diastolic=_number(before.diastolic),
                at=shown_at(before.at, self.moment.zone),
            )
            if before
            else None,
        )

    def _found(self, loinc: tuple[str, ...]) -> list[Reading]:
        return readings(self.observations, loinc, self.moment.zone)

    def _before(self, sign: Sign, latest: Reading, earlier: list[Reading]) -> tuple[datetime, Decimal] | None:
        for reading in earlier:
            value = sign.unit.value_of(reading.source["valueQuantity"])
            if value is not None and reading.at < latest.at:
                return (reading.at, value) if latest.at - reading.at <= sign.compared_within else None
        return None

    def _is_stale(self, at: datetime, sign: Sign) -> bool:
        fast = self.acute and not sign.ages_slowly
        return older(timedelta(hours=24) if fast else timedelta(days=365), at, self.moment)

    def _flag(self, sign: Sign, part: Observation | Component, value: Decimal) -> str | None:
        told = _interpretation(part.get("interpretation")) or _range_flag(sign, part.get("referenceRange"), value)
        return told or (sign.bands.flag(value) if sign.bands and self.adult else None)

    def _pressure_flag(self, pressure: "_Pressure") -> str | None:
        whole = _interpretation(pressure.source.get("interpretation"))
        if whole:
            return whole
        flags = [
            self._flag(sign, component(pressure.source, sign.loinc[0]), value)
            for sign, value in ((SYSTOLIC_SIGN, pressure.systolic), (DIASTOLIC_SIGN, pressure.diastolic))
            if value is not None
        ]
        return max((flag for flag in flags if flag), key=_WORSE_LATER.index, default=None)


@dataclass(frozen=True)
class _Pressure:
    at: datetime
    source: Observation
    systolic: Decimal | None
    diastolic: Decimal | None

    @classmethod
    def of(cls, reading: Reading) -> "_Pressure":
        systolic, diastolic = (
            MMHG.value_of(component(reading.source, loinc).get("valueQuantity", {})) for loinc in (SYSTOLIC, DIASTOLIC)
        )
        return cls(reading.at, reading.source, systolic, diastolic)

    @property
    def was_measured(self) -> bool:
        return any("value" in part for part in self._quantities())

    @property
    def is_readable(self) -> bool:
        return all(MMHG.value_of(part) is not None for part in self._quantities() if "value" in part)

    def _quantities(self) -> list[Quantity]:
        return [component(self.source, loinc).get("valueQuantity", {}) for loinc in (SYSTOLIC, DIASTOLIC)]


def _in_acute_care(encounters: Iterable[Encounter]) -> bool:
    return any(is_current(encounter) and is_acute(encounter) for encounter in encounters)


def _interpretation(concepts: list[CodeableConcept] | None) -> str | None:
    found = any_code(concepts)
    return next((_INTERPRETATIONS[code] for code in sorted(found) if code in _INTERPRETATIONS), None)


def _range_flag(sign: Sign, ranges: list[ReferenceRange] | None, value: Decimal) -> str | None:
    for span in ranges or []:
        low, high = (sign.unit.value_of(limit) for limit in (span.get("low", {}), span.get("high", {})))
        if low is not None and value < low:
            return "low"
        if high is not None and value > high:
            return "high"
        if low is not None or high is not None:
            return "normal"
    return None


def _trend(value: Decimal, before: Decimal, sign: Sign) -> Trend:
    if abs(value - before) < Decimal(sign.step):
        return "steady"
    return "up" if value > before else "down"


def _oxygen(observations: list[Observation], moment: Moment) -> SupplementalOxygen | None:
    for reading in oxygen_readings(observations, moment.zone):
        on_oxygen = breathes_oxygen(reading.source)
        if on_oxygen is not None:
            flow = LITRES_PER_MINUTE.value_of(reading.source.get("valueQuantity", {}))
            return SupplementalOxygen(
                on_oxygen=on_oxygen,
                flow=_number(flow),
                unit=None if flow is None else LITRES_PER_MINUTE.shown,
                at=shown_at(reading.at, moment.zone),
            )
    return None


def _consciousness(observations: list[Observation], moment: Moment) -> Consciousness | None:
    found = readings(observations, (CONSCIOUSNESS,), moment.zone)
    if not found:
        return None
    return Consciousness(value=consciousness_of(found[0].source), at=shown_at(found[0].at, moment.zone))


def _number(value: Decimal | None) -> Number | None:
    return None if value is None else number(value)
