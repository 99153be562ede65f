"""Observations as readings: what was measured, when, and how it stands."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from bedside.clinical.concepts import LOINC, SNOMED, codes
from bedside.clinical.excluded import is_observed
from bedside.clinical.moments import instant
from bedside.clinical.resources import Component, Observation

BLOOD_PRESSURE = "85354-9"
SYSTOLIC = "8480-6"
DIASTOLIC = "8462-4"
PULSE = "8867-4"
RESPIRATION = "9279-1"
TEMPERATURE = "8310-5"
SATURATION = ("59408-5", "2708-6")
WEIGHT = "29463-7"
HEIGHT = "8302-2"
EGFR = "62238-1"
OXYGEN_FLOW = "3151-8"
CONSCIOUSNESS = "80288-4"
AIR = "722742002"
OXYGEN = "57485005"
CONSCIOUS = {
    "248234008": "alert",
    "130987000": "confused",
    "300202002": "voice",
    "450847001": "pain",
    "422768004": "unresponsive",
}


@dataclass(frozen=True)
class Reading:
    at: datetime
    source: Observation


def readings(observations: Iterable[Observation], loinc: Iterable[str], zone: ZoneInfo) -> list[Reading]:
    """Those of any of these LOINC codes, newest first; of equal times the lowest id first."""
    wanted = set(loinc)
    return _dated((item for item in observations if codes(item.get("code"), LOINC) & wanted), zone)


def oxygen_readings(observations: Iterable[Observation], zone: ZoneInfo) -> list[Reading]:
    """Newest first: flows, and statements that the patient breathes air or oxygen."""
    return _dated((item for item in observations if _speaks_of_oxygen(item)), zone)


def breathes_oxygen(observation: Observation) -> bool | None:
    """A flow of 0 is air."""
    if OXYGEN_FLOW in codes(observation.get("code"), LOINC):
        value = observation.get("valueQuantity", {}).get("value")
        return None if value is None else value > 0
    return OXYGEN in _stated(observation)


def consciousness_of(observation: Observation) -> str | None:
    found = codes(observation.get("valueCodeableConcept"), SNOMED)
    return next((CONSCIOUS[code] for code in sorted(found) if code in CONSCIOUS), None)


def component(observation: Observation, loinc: str) -> Component:
    parts = observation.get("component", [])
    return next((part for part in parts if loinc in codes(part.get("code"), LOINC)), Component())


def _dated(observations: Iterable[Observation], zone: ZoneInfo) -> list[Reading]:
    dated = ((effective(item, zone), item) for item in observations if is_observed(item))
    found = [Reading(at, item) for at, item in dated if at is not None]
    return sorted(found, key=lambda reading: (-reading.at.timestamp(), reading.source["id"]))


def effective(observation: Observation, zone: ZoneInfo) -> datetime | None:
    period = observation.get("effectivePeriod", {})
    recorded = observation.get("effectiveDateTime") or observation.get("effectiveInstant")
    return instant(recorded or period.get("end") or period.get("start"), zone)


def _speaks_of_oxygen(observation: Observation) -> bool:
    return bool(OXYGEN_FLOW in codes(observation.get("code"), LOINC) or _stated(observation) & {AIR, OXYGEN})


def _stated(observation: Observation) -> set[str]:
    return codes(observation.get("code"), SNOMED) | codes(observation.get("valueCodeableConcept"), SNOMED)
