"""Units of measure that differ by a factor only, brought to one spelling so that 5 g is found by 5000 mg.

A small part of UCUM (https://ucum.org/ucum): prefixes, products, quotients and whole exponents of the atoms below.
What is not understood is left alone and compared as it was sent.
Temperatures in °C have an offset, so they stay as they are.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

UCUM = "http://unitsofmeasure.org"


class Canonical(NamedTuple):
    """`factor` brings a value to `base`."""

    factor: Fraction
    base: str


_PREFIXES = {
    "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1, "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15
}  # fmt: skip
_F = Fraction
# Atom: factor, dimensions, whether it takes prefixes. Arbitrary units such as [iU] are a dimension of their own.
_ATOMS: dict[str, tuple[Fraction, dict[str, int], bool]] = {
    "m": (_F(1), {"m": 1}, True),
    "g": (_F(1), {"g": 1}, True),
    "s": (_F(1), {"s": 1}, True),
    "K": (_F(1), {"K": 1}, True),
    "mol": (_F(1), {"mol": 1}, True),
    "L": (_F(1, 1000), {"m": 3}, True),
    "l": (_F(1, 1000), {"m": 3}, True),
    "min": (_F(60), {"s": 1}, False),
    "h": (_F(3600), {"s": 1}, False),
    "d": (_F(86400), {"s": 1}, False),
    "wk": (_F(604800), {"s": 1}, False),
    "Hz": (_F(1), {"s": -1}, True),
    "N": (_F(1000), {"g": 1, "m": 1, "s": -2}, True),
    "Pa": (_F(1000), {"g": 1, "m": -1, "s": -2}, True),
    "J": (_F(1000), {"g": 1, "m": 2, "s": -2}, True),
    "W": (_F(1000), {"g": 1, "m": 2, "s": -3}, True),
    "cal": (_F(4184), {"g": 1, "m": 2, "s": -2}, True),
    "bar": (_F(100_000_000), {"g": 1, "m": -1, "s": -2}, True),
    "m[Hg]": (_F(133_322_000), {"g": 1, "m": -1, "s": -2}, True),
    "m[H2O]": (_F(9_806_650), {"g": 1, "m": -1, "s": -2}, True),
    "U": (_F(1, 60_000_000), {"mol": 1, "s": -1}, True),
    "kat": (_F(1), {"mol": 1, "s": -1}, True),
    "eq": (_F(1), {"eq": 1}, True),
    "osm": (_F(1), {"osm": 1}, True),
    "[iU]": (_F(1), {"[iU]": 1}, True),
    "[IU]": (_F(1), {"[iU]": 1}, True),
    "[in_i]": (_F(254, 10000), {"m": 1}, False),
    "[ft_i]": (_F(3048, 10000), {"m": 1}, False),
    "[lb_av]": (_F(45359237, 100000), {"g": 1}, False),
    "[oz_av]": (_F(45359237, 1600000), {"g": 1}, False),
    "%": (_F(1, 100), {}, False),
    "[ppm]": (_F(1, 1_000_000), {}, False),
}
_TERM = re.compile(r"([./]?)((?:[^./{}\s]|\{[^{}]*\})+)", re.ASCII)
_COMPONENT = re.compile(r"([A-Za-z%]*(?:\[[^\]]+\])?)([+-]?\d{1,2})?(?:\{[^{}]*\})?", re.ASCII)
_NUMBER = re.compile(r"(?:10[*^]([+-]?\d{1,2})|(\d{1,6}))(?:\{[^{}]*\})?", re.ASCII)


@lru_cache(maxsize=4096)
def canonical(code: str) -> Canonical | None:
    """None when the unit is not one of those we know how to convert."""
    if not code or len(code) > 64 or code.startswith("{"):
        return None
    factor, dimensions, place = Fraction(1), dict[str, int](), 0
    for found in _TERM.finditer(code):
        if found.start() != place:
            return None
        place = found.end()
        component = _component(found[2])
        if component is None:
            return None
        sign = -1 if found[1] == "/" else 1
        factor *= component[0] ** sign
        for dimension, exponent in component[1].items():
            dimensions[dimension] = dimensions.get(dimension, 0) + sign * exponent
    if place != len(code):
        return None
    base = ".".join(f"{dimension}{dimensions[dimension]}" for dimension in sorted(dimensions) if dimensions[dimension])
    return Canonical(factor, base or "1")


def _component(text: str) -> tuple[Fraction, dict[str, int]] | None:
    if text.startswith("{"):
        return Fraction(1), {}
    if number := _NUMBER.fullmatch(text):
        value = Fraction(10) ** int(number[1]) if number[1] else Fraction(int(number[2]))
        return (value, {}) if value else None
    found = _COMPONENT.fullmatch(text)
    if found is None or not found[1]:
        return None
    atom = _atom(found[1])
    if atom is None:
        return None
    exponent = int(found[2] or 1)
    return atom[0] ** exponent, {dimension: each * exponent for dimension, each in atom[1].items()}


def _atom(text: str) -> tuple[Fraction, dict[str, int]] | None:
    if text in _ATOMS:
        return _ATOMS[text][:2]
    for length in (2, 1):
        prefix, rest = text[:length], text[length:]
        if prefix in _PREFIXES and rest in _ATOMS and _ATOMS[rest][2]:
            factor, dimensions, _ = _ATOMS[rest]
            return factor * Fraction(10) ** _PREFIXES[prefix], dimensions
    return None
