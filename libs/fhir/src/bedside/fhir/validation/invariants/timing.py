"""Invariants of `Timing.repeat`."""

from typing import Any

from bedside.fhir.validation.invariants.places import Places, has, unless

_MEALS = frozenset({"C", "CM", "CD", "CV"})


def tim_1(repeat: dict[str, Any]) -> Places:
    return unless("duration" not in repeat or has(repeat, "durationUnit"))


def tim_2(repeat: dict[str, Any]) -> Places:
    return unless("period" not in repeat or has(repeat, "periodUnit"))


def tim_4(repeat: dict[str, Any]) -> Places:
    return unless(repeat.get("duration", 0) >= 0)


def tim_5(repeat: dict[str, Any]) -> Places:
    return unless(repeat.get("period", 0) >= 0)


def tim_6(repeat: dict[str, Any]) -> Places:
    return unless("periodMax" not in repeat or has(repeat, "period"))


def tim_7(repeat: dict[str, Any]) -> Places:
    return unless("durationMax" not in repeat or has(repeat, "duration"))


def tim_8(repeat: dict[str, Any]) -> Places:
    return unless("countMax" not in repeat or has(repeat, "count"))


def tim_9(repeat: dict[str, Any]) -> Places:
    return unless("offset" not in repeat or ("when" in repeat and not _MEALS & set(repeat["when"])))


def tim_10(repeat: dict[str, Any]) -> Places:
    return unless("timeOfDay" not in repeat or "when" not in repeat)


INVARIANTS = {
    "tim-1": tim_1,
    "tim-2": tim_2,
    "tim-4": tim_4,
    "tim-5": tim_5,
    "tim-6": tim_6,
    "tim-7": tim_7,
    "tim-8": tim_8,
    "tim-9": tim_9,
    "tim-10": tim_10,
}
