"""JSON that keeps what was written: decimals digit for digit, and nothing that two readers could read differently."""

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any

import orjson

DEPTH_MAX = 100
INTEGER_MAX = 2**63 - 1
INTEGER_MIN = -(2**63)
DECIMAL_CHARACTERS_MAX = 64
# Beyond the largest double a client would read infinity, or zero.
DECIMAL_EXPONENT_MAX = 307


class Malformed(Exception):
    """The bytes are not JSON that can be kept exactly. The message holds none of the caller's values."""


class WrittenDecimal(Decimal):
    """A decimal whose usual spelling is not the one that was received, such as 1e2 or 0.00000001."""

    __slots__ = ("written",)

    written: str

    def __new__(cls, written: str) -> "WrittenDecimal":
        made = super().__new__(cls, written)
        made.written = written
        return made

    def __str__(self) -> str:
        return self.written


def parse(body: bytes) -> Any:
    """The value; decimals as `Decimal`, integers as `int`.

    Malformed when it is not JSON, a property is named twice, nesting passes DEPTH_MAX, a number is not finite or passes
    64 bits, or a string holds NUL or half a surrogate pair.
    """
    text = _decoded(body)
    if _deeper_than_allowed(body):
        raise Malformed(f"JSON is nested deeper than {DEPTH_MAX} levels")
    if "\\u" in text:
        _refuse_unstorable_escapes(text)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Malformed(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        # Only brackets without their partners come here: balanced ones were counted.
        raise Malformed(f"JSON is nested deeper than {DEPTH_MAX} levels") from None


def emit(value: Any) -> bytes:
    """Compact UTF-8 with every decimal as it was written."""
    return orjson.dumps(value, default=_decimal_fragment)


def _decimal_fragment(value: Any) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is not JSON")


def _decoded(body: bytes) -> str:
    try:
        # Some clients begin UTF-8 with a byte order mark; RFC 8259, section 8.1 lets us pass over it.
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8 at byte {error.start}") from None


_NOT_STRUCTURE = bytes(set(range(256)) - set(b'{}[]"'))
_STEP = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}
_ESCAPE = re.compile(rb"\\.", re.DOTALL)


def _deeper_than_allowed(body: bytes) -> bool:
    if body.count(b"{") + body.count(b"[") <= DEPTH_MAX:
        return False
    if b"\\" in body:
        body = _ESCAPE.sub(b"", body)
    # Two quotes side by side open and close, or close and open: without them the rest stays inside or outside.
    quoted = body.translate(None, _NOT_STRUCTURE).replace(b'""', b"")
    outside_strings = b"".join(quoted.split(b'"')[::2])
    return max(accumulate(map(_STEP.__getitem__, outside_strings)), default=0) > DEPTH_MAX


_HIGH, _LOW = "[dD][89abAB][0-9a-fA-F]{2}", "[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPES = re.compile(rf"\\(?:u{_HIGH}\\u{_LOW}|u(0000|{_HIGH}|{_LOW})|.)", re.DOTALL)


def _refuse_unstorable_escapes(text: str) -> None:
    for escape in _ESCAPES.finditer(text):
        if escape[1] == "0000":
            raise Malformed("a string holds the character NUL")
        if escape[1]:
            raise Malformed("a string holds half a surrogate pair")


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Malformed("an object names a property twice")
    return made


def _decimal(text: str) -> Decimal:
    if len(text) > DECIMAL_CHARACTERS_MAX:
        raise Malformed(f"a decimal has more than {DECIMAL_CHARACTERS_MAX} characters")
    # Exponents of many digits are beyond what Decimal itself can hold.
    _, _, exponent = text.lower().partition("e")
    if exponent and abs(int(exponent)) > DECIMAL_EXPONENT_MAX:
        raise Malformed("a decimal is too large or too small for a double")
    made = Decimal(text)
    if abs(made.adjusted()) > DECIMAL_EXPONENT_MAX:
        raise Malformed("a decimal is too large or too small for a double")
    return made if str(made) == text else WrittenDecimal(text)


def _integer(text: str) -> int | Decimal:
    # Twenty characters hold every 64-bit integer; Python would refuse to read 5000 digits at all.
    if len(text) > 20 or not INTEGER_MIN <= (value := int(text)) <= INTEGER_MAX:
        raise Malformed("an integer does not fit 64 bits")
    return Decimal("-0") if text == "-0" else value


def _refuse_constant(name: str) -> Any:
    raise Malformed(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_decimal, parse_int=_integer, parse_constant=_refuse_constant
)
