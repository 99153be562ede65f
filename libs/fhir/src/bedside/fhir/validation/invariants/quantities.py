"""Invariants of measured amounts."""

from typing import Any

from bedside.fhir.validation.invariants.places import Places, has, unless

UCUM = "http://unitsofmeasure.org"


def qty_3(quantity: dict[str, Any]) -> Places:
    return unless("code" not in quantity or has(quantity, "system"))


def age_1(age: dict[str, Any]) -> Places:
    return unless(_is_in_ucum(age) and ("value" not in age or age["value"] > 0))


def cnt_3(count: dict[str, Any]) -> Places:
    is_whole = "value" not in count or "." not in str(count["value"])
    return unless(_is_in_ucum(count) and count.get("code", "1") == "1" and is_whole)


def dis_1(distance: dict[str, Any]) -> Places:
    return unless(_is_in_ucum(distance))


def drt_1(duration: dict[str, Any]) -> Places:
    return unless("code" not in duration or (duration.get("system") == UCUM and has(duration, "value")))


def rat_1(ratio: dict[str, Any]) -> Places:
    both_or_none = ("numerator" in ratio) == ("denominator" in ratio)
    return unless(both_or_none and ("numerator" in ratio or "extension" in ratio))


def rng_2(range_: dict[str, Any]) -> Places:
    low, high = range_.get("low", {}), range_.get("high", {})
    # Amounts in different units say nothing about which is larger.
    if any(low.get(name) != high.get(name) for name in ("unit", "system", "code")):
        return ()
    return unless("value" not in low or "value" not in high or low["value"] <= high["value"])


def sqty_1(quantity: dict[str, Any]) -> Places:
    return unless(not has(quantity, "comparator"))


def _is_in_ucum(quantity: dict[str, Any]) -> bool:
    return (has(quantity, "code") or "value" not in quantity) and quantity.get("system", UCUM) == UCUM


INVARIANTS = {
    "qty-3": qty_3,
    "age-1": age_1,
    "cnt-3": cnt_3,
    "dis-1": dis_1,
    "drt-1": drt_1,
    "rat-1": rat_1,
    "rng-2": rng_2,
    "sqty-1": sqty_1,
}
