"""Invariants of data types that everything is made of."""

from datetime import date
from typing import Any

from bedside.fhir.validation.invariants.places import HERE, NOWHERE, Places, has, has_choice, unless


def ext_1(extension: dict[str, Any]) -> Places:
    return unless(("extension" in extension) != has_choice(extension, "value"))


def per_1(period: dict[str, Any]) -> Places:
    start, end = period.get("start"), period.get("end")
    if start is None or end is None or not is_after(start, end):
        return NOWHERE
    return HERE


def is_after(first: str, second: str) -> bool:
    """Whether the first date or time is certainly later; unknown precision or zone decides nothing."""
    if "T" in first and "T" in second:
        return _moment(first) > _moment(second)
    if "T" not in first and "T" not in second:
        shared = min(len(first), len(second))
        return first[:shared] > second[:shared]
    if len(first) < 10 or len(second) < 10:
        shared = min(len(first), len(second))
        return int(first[:4]) - int(second[:4]) > 1 if shared == 4 else _months(first) - _months(second) > 1
    # A day has no zone: its neighbours may be the same day elsewhere.
    return _days(first) - _days(second) > 1


def _moment(text: str) -> tuple[int, str]:
    """Seconds since the year 0 in UTC, and the digits of the fraction, which compare as text."""
    # Not a datetime: that has no leap second, and no UTC for the first and last day it knows.
    zone = "+00:00" if text[-1] == "Z" else text[-6:]
    fraction = text[19 : -1 if text[-1] == "Z" else -6].strip(".").rstrip("0")
    offset = (int(zone[1:3]) * 3600 + int(zone[4:6]) * 60) * (-1 if zone[0] == "-" else 1)
    clock = int(text[11:13]) * 3600 + int(text[14:16]) * 60 + int(text[17:19])
    return _days(text) * 86_400 + clock - offset, fraction


def _days(text: str) -> int:
    return date.fromisoformat(text[:10]).toordinal()


def _months(text: str) -> int:
    return int(text[:4]) * 12 + int(text[5:7])


def cpt_2(contact_point: dict[str, Any]) -> Places:
    return unless("value" not in contact_point or has(contact_point, "system"))


def att_1(attachment: dict[str, Any]) -> Places:
    return unless("data" not in attachment or has(attachment, "contentType"))


def exp_1(expression: dict[str, Any]) -> Places:
    return unless(has(expression, "expression", "reference"))


def drq_1(date_filter: dict[str, Any]) -> Places:
    return unless(has(date_filter, "path") != has(date_filter, "searchParam"))


def trd_1(trigger: dict[str, Any]) -> Places:
    return unless("data" not in trigger or not has_choice(trigger, "timing"))


def trd_2(trigger: dict[str, Any]) -> Places:
    return unless("condition" not in trigger or "data" in trigger)


def trd_3(trigger: dict[str, Any]) -> Places:
    kind = trigger.get("type", "")
    return unless(
        (kind != "named-event" or has(trigger, "name"))
        and (kind != "periodic" or has_choice(trigger, "timing"))
        and (not kind.startswith("data-") or "data" in trigger)
    )


INVARIANTS = {
    "ext-1": ext_1,
    "per-1": per_1,
    "cpt-2": cpt_2,
    "att-1": att_1,
    "exp-1": exp_1,
    "drq-1": drq_1,
    "drq-2": drq_1,
    "trd-1": trd_1,
    "trd-2": trd_2,
    "trd-3": trd_3,
}
