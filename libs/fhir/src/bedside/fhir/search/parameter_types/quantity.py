"""Quantities: `number`, `number|system|code` or `number||code`. http://hl7.org/fhir/R4/search.html#quantity"""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from math import nextafter
from typing import Any

from bedside.fhir.search.asked import Asked
from bedside.fhir.search.criteria import Criterion, Indexed, Rows, Statement, sp_among
from bedside.fhir.search.escaping import split, unescaped
from bedside.fhir.search.hashing import ANY_UNIT, canonical_hash, unit_hash
from bedside.fhir.search.parameter_types.number import UNBOUNDED, Sought, condition, points_of, sought
from bedside.fhir.search.units import UCUM, canonical

_CURRENCIES = "urn:iso:std:iso:4217"
# Beyond this a value is not converted: the exact product would fill the memory.
_DIGITS_MAX = 60


def spans_of(value: Any) -> Iterator[tuple[int, float, float]]:
    """(unit, lowest, highest): one for every way to name the unit, and one in the canonical unit."""
    if not isinstance(value, dict):
        return
    if "low" in value or "high" in value:
        yield from _range(value)
        return
    if "origin" in value:  # SampledData tells of its values as text; its limits are what can be compared.
        yield from _sampled(value)
        return
    number = value.get("value")
    comparator = value.get("comparator")
    for exact, _ in points_of(number):
        low, high = _opened(comparator, exact)
        currency = value.get("currency")
        if currency:
            yield from ((unit, low, high) for unit in _names(_CURRENCIES, currency, None))
            continue
        system, code = value.get("system"), value.get("code")
        for unit in _names(system, code, value.get("unit")):
            yield unit, low, high
        yield from _converted(system, code, number, comparator)


def _opened(comparator: str | None, number: float) -> tuple[float, float]:
    """`<5` is everything below, 5 not among it."""
    if comparator in ("<", "<="):
        return -UNBOUNDED, nextafter(number, -UNBOUNDED) if comparator == "<" else number
    if comparator in (">", ">="):
        return nextafter(number, UNBOUNDED) if comparator == ">" else number, UNBOUNDED
    return number, number


def _names(system: str | None, code: str | None, unit: str | None) -> set[int]:
    names = {ANY_UNIT}
    if code:
        names.add(unit_hash(None, code))
        if system:
            names.add(unit_hash(system, code))
    if unit:
        names.add(unit_hash(None, unit))
    return names


def _converted(
    system: str | None, code: str | None, number: Any, comparator: str | None
) -> Iterator[tuple[int, float, float]]:
    if system != UCUM or not code or (unit := canonical(code)) is None or not _convertible(number):
        return
    exact = float(Fraction(number) * unit.factor + unit.offset)
    yield canonical_hash(unit.base), *_opened(comparator, exact)


def _convertible(number: Any) -> bool:
    return not isinstance(number, Decimal) or (number.is_finite() and abs(number.adjusted()) < _DIGITS_MAX)


def _range(value: dict[str, Any]) -> Iterator[tuple[int, float, float]]:
    named = value.get("low") or value.get("high") or {}
    for low, high in points_of(value):
        for unit in _names(named.get("system"), named.get("code"), named.get("unit")):
            yield unit, low, high


def _sampled(value: dict[str, Any]) -> Iterator[tuple[int, float, float]]:
    origin = value["origin"]
    limits = {"low": {"value": value.get("lowerLimit")}, "high": {"value": value.get("upperLimit")}}
    for low, high in points_of(limits):
        for unit in _names(origin.get("system"), origin.get("code"), origin.get("unit")):
            yield unit, low, high


def criterion(asked: Asked) -> Criterion:
    asked.allow(())
    return Indexed(tuple(_rows(asked.sps, *each) for value in asked.values for each in spans_asked(asked, value)))


def spans_asked(asked: Asked, value: str) -> list[tuple[int, Sought]]:
    """What to look for under which unit: the canonical one where there is one, else as it was written."""
    parts = [unescaped(part) for part in split(value, "|")]
    if len(parts) not in (1, 3) or (len(parts) == 3 and not parts[2]):
        asked.refuse("a quantity is written as 5.4, 5.4|system|code or 5.4||unit")
    number = sought(asked, parts[0])
    if len(parts) == 1:
        return [(ANY_UNIT, number)]
    system, code = parts[1], parts[2]
    unit = canonical(code) if system == UCUM else None
    if unit is None:
        return [(unit_hash(system or None, code), number)]
    converted = number.converted(unit.factor, unit.offset)
    try:
        float(converted.value), float(converted.lo), float(converted.hi), float(converted.value + converted.about)
    except OverflowError:
        asked.refuse("the number is larger than can be compared")
    return [(canonical_hash(unit.base), converted)]


def _rows(sps: tuple[int, ...], unit: int, each: Sought) -> Rows:
    def where(statement: Statement, i: str) -> str:
        return f"{sp_among(i, sps)} AND {i}.uh = {statement.bind(unit)} AND {condition(statement, i, each)}"

    return Rows("ix_qty", where)
