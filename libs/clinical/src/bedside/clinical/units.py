"""R11: measured values in the units of the ward. A unit that is not known is never guessed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from bedside.clinical.resources import Quantity
from bedside.clinical.shown import decimal, rounded

Conversion = Callable[[Decimal], Decimal]
UCUM = "http://unitsofmeasure.org"


def _times(factor: str) -> Conversion:
    return lambda value: value * Decimal(factor)


def _from_fahrenheit(value: Decimal) -> Decimal:
    return (value - 32) * 5 / 9


_AS_IT_IS = _times("1")


@dataclass(frozen=True)
class Unit:
    """`known` maps a UCUM code to the conversion into what is shown."""

    shown: str
    known: Mapping[str, Conversion]

    def value_of(self, quantity: Quantity) -> Decimal | None:
        """To one decimal; None when the unit is not known."""
        conversion = self.known.get(_code(quantity))
        if conversion is None or "value" not in quantity:
            return None
        return rounded(conversion(decimal(quantity["value"])))


MMHG = Unit("mmHg", {"mm[Hg]": _AS_IT_IS, "mmHg": _AS_IT_IS})
PER_MINUTE = Unit("/min", {"/min": _AS_IT_IS, "{beats}/min": _AS_IT_IS, "{breaths}/min": _AS_IT_IS})
CELSIUS = Unit("°C", {"Cel": _AS_IT_IS, "°C": _AS_IT_IS, "[degF]": _from_fahrenheit})
PERCENT = Unit("%", {"%": _AS_IT_IS})
KILOGRAM = Unit("kg", {"kg": _AS_IT_IS, "g": _times("0.001"), "[lb_av]": _times("0.45359237")})
CENTIMETRE = Unit("cm", {"cm": _AS_IT_IS, "m": _times("100"), "[in_i]": _times("2.54")})
EGFR = Unit("mL/min/1.73m2", {"mL/min/{1.73_m2}": _AS_IT_IS, "mL/min/1.73m2": _AS_IT_IS})
LITRES_PER_MINUTE = Unit("L/min", {"L/min": _AS_IT_IS})


def _code(quantity: Quantity) -> str:
    """The code where it is UCUM's; the unit as written only where there is no code at all."""
    if "code" in quantity:
        return quantity["code"] if quantity.get("system", UCUM) == UCUM else ""
    return quantity.get("unit", "")
