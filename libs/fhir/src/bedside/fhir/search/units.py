"""Units of measure brought to one spelling, so that 5 g is found by 5000 mg and 98.6 [degF] by 37 Cel.

The part of UCUM (https://ucum.org/ucum) that is measured at a bedside: prefixes, products, quotients and whole
exponents of the atoms below, all exact. What is not understood (logarithms such as pH, angles) is left alone, and
compared as it was sent.
An equivalent is not a mole here, and an osmole is neither: mmol/L of calcium is not its meq/L.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

UCUM = "http://unitsofmeasure.org"


class Canonical(NamedTuple):
    """A value times `factor`, plus `offset`, is one in `base`."""

    factor: Fraction
    base: str
    offset: Fraction = Fraction(0)


_PREFIXES = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1, "d": -1, "c": -2, "m": -3,
    "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24
}  # fmt: skip
_F = Fraction
# Atom: factor, dimensions, whether it takes prefixes. Arbitrary units such as [iU] are a dimension of their own.
_ATOMS: dict[str, tuple[Fraction, dict[str, int], bool]] = {
    "m": (_F(1), {"m": 1}, True),
    "g": (_F(1), {"g": 1}, True),
    "s": (_F(1), {"s": 1}, True),
    "K": (_F(1), {"K": 1}, True),
    "mol": (_F(1), {"mol": 1}, True),
    "C": (_F(1), {"C": 1}, True),
    "cd": (_F(1), {"cd": 1}, True),
    "t": (_F(1_000_000), {"g": 1}, True),
    "L": (_F(1, 1000), {"m": 3}, True),
    "l": (_F(1, 1000), {"m": 3}, True),
    "min": (_F(60), {"s": 1}, False),
    "h": (_F(3600), {"s": 1}, False),
    "d": (_F(86400), {"s": 1}, False),
    "wk": (_F(604800), {"s": 1}, False),
    "mo": (_F(2_629_800), {"s": 1}, False),
    "mo_j": (_F(2_629_800), {"s": 1}, False),
    "a": (_F(31_557_600), {"s": 1}, False),
    "a_j": (_F(31_557_600), {"s": 1}, False),
    "Hz": (_F(1), {"s": -1}, True),
    "N": (_F(1000), {"g": 1, "m": 1, "s": -2}, True),
    "Pa": (_F(1000), {"g": 1, "m": -1, "s": -2}, True),
    "J": (_F(1000), {"g": 1, "m": 2, "s": -2}, True),
    "W": (_F(1000), {"g": 1, "m": 2, "s": -3}, True),
    "A": (_F(1), {"C": 1, "s": -1}, True),
    "V": (_F(1000), {"g": 1, "m": 2, "s": -2, "C": -1}, True),
    "Ohm": (_F(1000), {"g": 1, "m": 2, "s": -1, "C": -2}, True),
    "S": (_F(1, 1000), {"g": -1, "m": -2, "s": 1, "C": 2}, True),
    "F": (_F(1, 1000), {"g": -1, "m": -2, "s": 2, "C": 2}, True),
    "T": (_F(1000), {"g": 1, "s": -1, "C": -1}, True),
    "Bq": (_F(1), {"s": -1}, True),
    "Ci": (_F(37_000_000_000), {"s": -1}, True),
    "Gy": (_F(1), {"m": 2, "s": -2}, True),
    "Sv": (_F(1), {"m": 2, "s": -2}, True),
    "dyn": (_F(1, 100), {"g": 1, "m": 1, "s": -2}, True),
    "P": (_F(100), {"g": 1, "m": -1, "s": -1}, True),
    "atm": (_F(101_325_000), {"g": 1, "m": -1, "s": -2}, False),
    "[psi]": (_F(44482216152605, 10**13) * 1000 / (_F(254, 10000) ** 2), {"g": 1, "m": -1, "s": -2}, False),
    "[Cal]": (_F(4_184_000), {"g": 1, "m": 2, "s": -2}, False),
    "cal_th": (_F(4184), {"g": 1, "m": 2, "s": -2}, True),
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
    "[yd_i]": (_F(9144, 10000), {"m": 1}, False),
    "[mi_i]": (_F(1_609_344, 1000), {"m": 1}, False),
    "[nmi_i]": (_F(1852), {"m": 1}, False),
    "[lb_tr]": (_F(3_732_417_216, 10_000_000), {"g": 1}, False),
    "[oz_tr]": (_F(311_034_768, 10_000_000), {"g": 1}, False),
    "[stone_av]": (_F(45359237 * 14, 100000), {"g": 1}, False),
    "[dr_av]": (_F(45359237, 25600000), {"g": 1}, False),
    "[gr]": (_F(6_479_891, 100_000_000), {"g": 1}, False),
    "[gal_us]": (_F(3_785_411_784, 10**12), {"m": 3}, False),
    "[qt_us]": (_F(3_785_411_784, 4 * 10**12), {"m": 3}, False),
    "[pt_us]": (_F(3_785_411_784, 8 * 10**12), {"m": 3}, False),
    "[cup_us]": (_F(3_785_411_784, 16 * 10**12), {"m": 3}, False),
    "[foz_us]": (_F(3_785_411_784, 128 * 10**12), {"m": 3}, False),
    "[tbs_us]": (_F(3_785_411_784, 256 * 10**12), {"m": 3}, False),
    "[tsp_us]": (_F(3_785_411_784, 768 * 10**12), {"m": 3}, False),
    "[pt_br]": (_F(454_609, 8 * 10**8), {"m": 3}, False),
    "[foz_br]": (_F(454_609, 160 * 10**8), {"m": 3}, False),
    "[drp]": (_F(1, 20_000_000), {"m": 3}, False),
    "[diop]": (_F(1), {"m": -1}, False),
    "g%": (_F(10_000), {"g": 1, "m": -3}, True),
    "%": (_F(1, 100), {}, False),
    "[ppth]": (_F(1, 1000), {}, False),
    "[ppm]": (_F(1, 1_000_000), {}, False),
    "[ppb]": (_F(1, 10**9), {}, False),
    # Arbitrary units compare with themselves alone.
    "[arb'U]": (_F(1), {"[arb'U]": 1}, True),
    "[USP'U]": (_F(1), {"[USP'U]": 1}, True),
    "[CFU]": (_F(1), {"[CFU]": 1}, True),
    "[PFU]": (_F(1), {"[PFU]": 1}, True),
    "[tb'U]": (_F(1), {"[tb'U]": 1}, True),
    "[anti'Xa'U]": (_F(1), {"[anti'Xa'U]": 1}, True),
}
# Temperatures begin elsewhere: alone they convert; in products (as K in J/K) they mean nothing.
_OFFSET = {
    "Cel": Canonical(_F(1), "K1", _F(27315, 100)),
    "[degF]": Canonical(_F(5, 9), "K1", _F(45967, 180)),
}
_TERM = re.compile(r"([./]?)((?:[^./{}\s]|\{[^{}]*\})+)", re.ASCII)
_COMPONENT = re.compile(r"([A-Za-z_%]*(?:\[[^\]]+\])?)([+-]?\d{1,2})?(?:\{[^{}]*\})?", re.ASCII)
_NUMBER = re.compile(r"(?:10[*^]([+-]?\d{1,2})|(\d{1,6}))(?:\{[^{}]*\})?", re.ASCII)


@lru_cache(maxsize=4096)
def canonical(code: str) -> Canonical | None:
    """None when the unit is not one of those we know how to convert."""
    if not code or len(code) > 64 or code.startswith("{"):
        return None
    if found := _OFFSET.get(code.partition("{")[0]):
        return found
    factor, dimensions, place = Fraction(1), dict[str, int](), 0
    for term in _TERM.finditer(code):
        if term.start() != place:
            return None
        place = term.end()
        component = _component(term[2])
        if component is None:
            return None
        sign = -1 if term[1] == "/" else 1
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
