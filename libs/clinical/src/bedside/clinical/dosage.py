"""R10: how a medicine is taken, in a sentence."""

from bedside.clinical.concepts import codes, name_of
from bedside.clinical.resources import Dosage, DoseAndRate, Quantity, Repeat
from bedside.clinical.shown import Number, decimal, number

_ROUTES = {
    "26643006": "by mouth",
    "47625008": "into a vein",
    "34206005": "under the skin",
    "447694001": "inhaled",
    "18679011000001101": "inhaled",
}
_PLURAL = {"tablet", "capsule", "puff", "drop", "spray", "patch"}
_UNITS_OF_TIME = {"s": "second", "min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year"}
_TIMES = {1: "once", 2: "twice"}


def sig(dosages: list[Dosage] | None) -> str | None:
    """As written where it is written, else put together; several instructions in their order."""
    return "; ".join(text for text in map(_sentence, dosages or []) if text) or None


def is_as_needed(dosages: list[Dosage] | None) -> bool:
    return any(dosage.get("asNeededBoolean") or "asNeededCodeableConcept" in dosage for dosage in dosages or [])


def _sentence(dosage: Dosage) -> str:
    if dosage.get("text"):
        return dosage["text"]
    timing = dosage.get("timing", {})
    parts = [
        _dose(dosage.get("doseAndRate")),
        _route(dosage),
        _frequency(timing.get("repeat")) or name_of(timing.get("code")),
        _as_needed(dosage),
    ]
    return " ".join(part for part in parts if part)


def _dose(doses: list[DoseAndRate] | None) -> str | None:
    first = (doses or [{}])[0]
    if "doseQuantity" in first:
        return _quantity(first["doseQuantity"])
    span = first.get("doseRange", {})
    low, high = span.get("low", {}), span.get("high", {})
    if "value" in low and "value" in high:
        return f"{_plain(low['value'])} to {_quantity(high)}"
    return _quantity(high or low)


def _quantity(quantity: Quantity) -> str | None:
    if "value" not in quantity:
        return None
    unit = quantity.get("unit") or quantity.get("code") or ""
    if unit in _PLURAL and quantity["value"] > 1:
        unit = "patches" if unit == "patch" else f"{unit}s"
    return f"{_plain(quantity['value'])} {unit}".strip()


def _plain(value: Number) -> str:
    return str(number(decimal(value)))


def _route(dosage: Dosage) -> str | None:
    route = dosage.get("route")
    return next((_ROUTES[code] for code in sorted(codes(route)) if code in _ROUTES), name_of(route))


def _frequency(repeat: Repeat | None) -> str | None:
    unit = _UNITS_OF_TIME.get((repeat or {}).get("periodUnit", ""))
    if not repeat or unit is None or "period" not in repeat:
        return None
    times, period = repeat.get("frequency", 1), repeat["period"]
    every = f"every {unit}" if period == 1 else f"every {_plain(period)} {unit}s"
    if period == 1 and unit in ("day", "week", "month", "year"):
        return f"{_TIMES.get(times, f'{times} times')} a {unit}"
    return every if times == 1 else f"{_TIMES.get(times, f'{times} times')} {every}"


def _as_needed(dosage: Dosage) -> str | None:
    reason = name_of(dosage.get("asNeededCodeableConcept"))
    if reason:
        return f"as needed for {reason}"
    return "as needed" if is_as_needed([dosage]) else None
