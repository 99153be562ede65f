"""Numbers, with the precision they are written in. http://hl7.org/fhir/R4/search.html#number"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import isfinite, nextafter
from typing import Any

from bedside.fhir.search.asked import Asked
from bedside.fhir.search.criteria import Criterion, Indexed, Rows, Statement, sp_among
from bedside.fhir.search.escaping import unescaped

_NUMBER = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?([+-]?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?)", re.ASCII)
UNBOUNDED = 1.7976931348623157e308


@dataclass(frozen=True)
class Sought:
    """`lo` and `hi` are what the digits written stand for: 100 is 99.5 to 100.5. `about` is how far `ap` reaches."""

    prefix: str
    value: Fraction
    lo: Fraction
    hi: Fraction
    about: Fraction

    def converted(self, factor: Fraction, offset: Fraction) -> "Sought":
        """In another unit. A tenth of 37 °C stays 3.7 degrees, whatever it is counted in."""
        value, lo, hi = (each * factor + offset for each in (self.value, self.lo, self.hi))
        return Sought(self.prefix, value, lo, hi, self.about * factor)


def points_of(value: Any) -> Iterator[tuple[float, float]]:
    """(lowest, highest) of a number or a Range as it stands in a resource."""
    if isinstance(value, dict):
        low, high = value.get("low", {}).get("value"), value.get("high", {}).get("value")
        if low is not None or high is not None:
            yield _float(low, -UNBOUNDED), _float(high, UNBOUNDED)
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        yield _float(value, 0), _float(value, 0)


def _float(value: Any, otherwise: float) -> float:
    if value is None:
        return otherwise
    try:
        found = float(value)
    except OverflowError:
        found = UNBOUNDED if value > 0 else -UNBOUNDED
    return max(-UNBOUNDED, min(UNBOUNDED, found))


def sought(asked: Asked, text: str) -> Sought:
    """Refused when it is no number, or beyond what is kept (about 1e308)."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        asked.refuse("a number is written as 5.4, 100 or 5.4e-3, after one of eq ne gt lt ge le sa eb ap or nothing")
    number = Decimal(found[2])
    exponent = number.as_tuple().exponent
    if not isfinite(float(number)) or not isinstance(exponent, int) or abs(exponent) > 320:
        asked.refuse("the number is larger or finer than can be compared")
    value, half = Fraction(number), Fraction(10) ** exponent / 2
    return Sought(found[1] or "eq", value, value - half, value + half, abs(value) / 10)


def condition(statement: Statement, i: str, sought: Sought) -> str:
    """On `lo` and `hi` of a row."""
    value = float(sought.value)
    lo, hi = float(sought.lo), float(sought.hi)
    if sought.prefix in ("eq", "ne"):
        # A value between two doubles is its neighbours': what equals the number itself must be inside.
        lo, hi = min(lo, value), hi if hi > value else nextafter(value, UNBOUNDED)
        inside = f"{i}.lo >= {statement.bind(lo)} AND {i}.hi < {statement.bind(hi)}"
        return inside if sought.prefix == "eq" else f"NOT ({inside})"
    if sought.prefix == "ap":
        least, most = float(sought.value - sought.about), float(sought.value + sought.about)
        return f"{i}.hi >= {statement.bind(least)} AND {i}.lo <= {statement.bind(most)}"
    column, sign = _COMPARED[sought.prefix]
    return f"{i}.{column} {sign} {statement.bind(value)}"


_COMPARED = {
    "gt": ("hi", ">"), "ge": ("hi", ">="), "lt": ("lo", "<"), "le": ("lo", "<="), "sa": ("lo", ">"), "eb": ("hi", "<")
}  # fmt: skip


def criterion(asked: Asked) -> Criterion:
    asked.allow(())
    return Indexed(tuple(_rows(asked.sps, sought(asked, unescaped(value))) for value in asked.values))


def _rows(sps: tuple[int, ...], each: Sought) -> Rows:
    return Rows("ix_num", lambda statement, i: f"{sp_among(i, sps)} AND {condition(statement, i, each)}")
