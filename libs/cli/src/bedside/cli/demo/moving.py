"""Moves a record in time, so that what happened this morning happened *this* morning."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")


def moved(element: Any, days: int, zone: ZoneInfo) -> Any:
    """A copy with every date and instant later by whole days of the wall clock. Dates known less precisely stay."""
    if isinstance(element, dict):
        return {name: moved(value, days, zone) for name, value in element.items()}
    if isinstance(element, list):
        return [moved(value, days, zone) for value in element]
    if isinstance(element, str) and days:
        if _DATE.fullmatch(element):
            return _moved_date(element, days)
        if parts := _INSTANT.fullmatch(element):
            return _moved_instant(element, parts[2] or "", parts[3], days, zone)
    return element


def _moved_date(text: str, days: int) -> str:
    try:
        return (date.fromisoformat(text) + timedelta(days=days)).isoformat()
    except (ValueError, OverflowError):
        return text


def _moved_instant(text: str, fraction: str, offset: str, days: int, zone: ZoneInfo) -> str:
    """Half past eight stays half past eight on the ward's clock, in summer and in winter."""
    try:
        there = datetime.fromisoformat(text.replace(fraction, "", 1) if fraction else text)
        wall = there.astimezone(zone).replace(tzinfo=None) + timedelta(days=days)
    except (ValueError, OverflowError):
        return text
    here = wall.replace(tzinfo=zone)
    if offset == "Z":
        return f"{here.astimezone(UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"
    local = there.utcoffset() == there.astimezone(zone).utcoffset()
    shown = here if local else here.astimezone(timezone(there.utcoffset() or timedelta()))
    return f"{shown:%Y-%m-%dT%H:%M:%S}{fraction}{_offset(shown)}"


def _offset(instant: datetime) -> str:
    written = instant.strftime("%z")
    return f"{written[:3]}:{written[3:5]}"
