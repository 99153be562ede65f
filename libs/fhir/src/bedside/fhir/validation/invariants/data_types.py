"""Invariants of data types that everything is made of."""

from datetime import UTC, datetime
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
    if first[10:] and second[10:] and first[19:] != second[19:]:
        return _instant(first) > _instant(second)
    shared = min(len(first), len(second)) if not (first[10:] and second[10:]) else 19
    if bool(first[10:]) != bool(second[10:]):
        # A day has no zone: its neighbours may be the same day elsewhere.
        return len(first) >= 10 and len(second) >= 10 and _days(first) - _days(second) > 1
    return first[:shared] > second[:shared]


def _instant(text: str) -> datetime:
    # A leap second is the last one of its minute: Python has no sixtieth.
    text = text[:17] + "59" + text[19:] if text[17:19] == "60" else text
    head, zone = text[:19], text[19:].lstrip(".0123456789")
    fraction = text[19 : len(text) - len(zone)]
    moment = datetime.fromisoformat(head + (zone if zone != "Z" else "+00:00")).astimezone(UTC)
    return moment.replace(microsecond=int((fraction[1:7] + "000000")[:6])) if fraction else moment


def _days(text: str) -> int:
    return datetime.fromisoformat(text[:10]).toordinal()


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
