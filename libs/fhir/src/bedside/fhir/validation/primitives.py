"""The lexical form of every primitive type: https://hl7.org/fhir/R4/datatypes.html#primitive."""

import binascii
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from math import isfinite
from typing import Any

from bedside.fhir.validation.problem import Check, Found, Scope, wrong

STRING_CHARACTERS_MAX = 1024 * 1024

_EMPTY = wrong("structure", "must not be empty")
_NOT_SINGLE = wrong("structure", "must be a single value, not a list or an object")
_NULL = wrong("structure", "must not be null")

# FHIR's \s is the ASCII one; without re.ASCII a code may not hold U+00A0, and a digit may be Arabic.
_YEAR = r"(?!0000)[0-9]{4}"
_MONTH, _DAY = "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = "(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"


def _matcher(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern, re.ASCII).fullmatch


_is_date = _matcher(rf"{_YEAR}(?:-{_MONTH}(?:-{_DAY})?)?")
_is_date_time = _matcher(rf"{_YEAR}(?:-{_MONTH}(?:-{_DAY}(?:T{_CLOCK}{_ZONE})?)?)?")
_is_instant = _matcher(rf"{_YEAR}-{_MONTH}-{_DAY}T{_CLOCK}{_ZONE}")
_is_unprintable_text = _matcher(r"[^\x00-\x08\x0b\x0c\x0e-\x1f]*")
_is_spaced_code = _matcher(r"[^\s\x00-\x1f]+(?: [^\s\x00-\x1f]+)*")
_is_unprintable_uri = _matcher(r"[^\s\x00-\x1f]+")


def is_text(value: str) -> bool:
    """Without control characters, and not longer than FHIR allows."""
    return (value.isprintable() or bool(_is_unprintable_text(value))) and len(value) <= STRING_CHARACTERS_MAX


def is_code(value: str) -> bool:
    """Without white space but for single spaces inside."""
    return (" " not in value and value.isprintable()) or bool(_is_spaced_code(value))


def is_uri(value: str) -> bool:
    """Without white space."""
    return (" " not in value and value.isprintable()) or bool(_is_unprintable_uri(value))


def _is_calendar_date(value: str) -> bool:
    return bool(_is_date(value)) and _is_real_day(value)


def _is_calendar_date_time(value: str) -> bool:
    return bool(_is_date_time(value)) and _is_real_day(value)


def _is_calendar_instant(value: str) -> bool:
    return bool(_is_instant(value)) and _is_real_day(value)


def _is_real_day(value: str) -> bool:
    if value[8:10] <= "28":
        return True
    try:
        date.fromisoformat(value[:10])
    except ValueError:
        return False
    return True


def _is_base64(value: str) -> bool:
    try:
        binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        return _is_spaced_base64(value)
    return True


def _is_spaced_base64(value: str) -> bool:
    joined = "".join(value.split())
    if not joined or joined == value:
        return False
    try:
        binascii.a2b_base64(joined, strict_mode=True)
    except ValueError:
        return False
    return True


def _text_check(holds: Callable[[str], object], demand: str) -> Check:
    refusal = wrong("value", demand)

    def check(value: Any, holder: dict[str, Any], scope: Scope) -> Found:
        if value.__class__ is str:
            if holds(value) and value:
                return None
            return refusal if value else _EMPTY
        return not_of_kind(value) or refusal

    return check


def not_of_kind(value: Any) -> Found:
    """The problem of a null, list or object where a single value belongs; None for any single value."""
    if value is None:
        return _NULL
    return _NOT_SINGLE if value.__class__ is list or value.__class__ is dict else None


def _boolean(value: Any, holder: dict[str, Any], scope: Scope) -> Found:
    return None if value is True or value is False else not_of_kind(value) or _NOT_BOOLEAN


_NOT_BOOLEAN = wrong("value", "must be true or false, without quotes")


def _decimal(value: Any, holder: dict[str, Any], scope: Scope) -> Found:
    kind = value.__class__
    if kind is int or isinstance(value, Decimal) or (kind is float and isfinite(value)):
        return None
    return not_of_kind(value) or _NOT_DECIMAL


_NOT_DECIMAL = wrong("value", "must be a number, without quotes")


def _integer_check(*, least: int, demand: str) -> Check:
    refusal = wrong("value", demand)

    def check(value: Any, holder: dict[str, Any], scope: Scope) -> Found:
        if value.__class__ is int and least <= value <= 2_147_483_647:
            return None
        return not_of_kind(value) or refusal

    return check


_string = _text_check(is_text, "must be text without control characters, of at most 1 MB")
_uri = _text_check(is_uri, "must be a URI without spaces")

PRIMITIVES: dict[str, Check] = {
    "base64Binary": _text_check(_is_base64, "must be base64"),
    "boolean": _boolean,
    "canonical": _uri,
    "code": _text_check(is_code, "must be a code, without spaces around it or two together"),
    "date": _text_check(_is_calendar_date, "must be a date that exists, as YYYY, YYYY-MM or YYYY-MM-DD"),
    "dateTime": _text_check(
        _is_calendar_date_time,
        "must be a date that exists, as YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with a time zone",
    ),
    "decimal": _decimal,
    "element-id": _string,
    "extension-url": _uri,
    "id": _text_check(_matcher(r"[A-Za-z0-9\-.]{1,64}"), "must be 1 to 64 letters, digits, '-' or '.'"),
    "instant": _text_check(_is_calendar_instant, "must be an instant, as YYYY-MM-DDThh:mm:ss with a time zone"),
    "integer": _integer_check(least=-2_147_483_648, demand="must be a whole number of at most 32 bits"),
    "markdown": _string,
    "oid": _text_check(_matcher(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+"), "must be an OID, as urn:oid:1.2.3"),
    "positiveInt": _integer_check(least=1, demand="must be a whole number of 1 or more"),
    "string": _string,
    "time": _text_check(_matcher(_CLOCK), "must be a time, as hh:mm:ss"),
    "unsignedInt": _integer_check(least=0, demand="must be a whole number of 0 or more"),
    "uri": _uri,
    "url": _uri,
    "uuid": _text_check(
        _matcher(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
        "must be a UUID, as urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
    ),
}
PRIMITIVES["resource-id"] = PRIMITIVES["id"]

# XML attributes: https://hl7.org/fhir/R4/json.html#primitive gives them no `_name` beside them.
WITHOUT_EXTENSIONS = frozenset({"element-id", "extension-url", "resource-id", "xhtml"})
