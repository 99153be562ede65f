"""What views show: closed models whose every key is always present (R1), in the words of the wire."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

Status = Literal["ok", "stale", "partial", "unavailable"]
Number = int | float


class Shown(BaseModel):
    """Fields have no defaults: a key that is left out is an error here, not a hole in an answer."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")


def decimal(value: Number) -> Decimal:
    """As the digits say: 98.6 is 98.6, not the nearest binary fraction."""
    return Decimal(str(value))


def rounded(value: Decimal, step: str = "0.1") -> Decimal:
    """Half goes up, as people do it."""
    return value.quantize(Decimal(step), rounding=ROUND_HALF_UP)


def number(value: Decimal) -> Number:
    """79.0 is told as 79."""
    return int(value) if value == value.to_integral_value() else float(value)
