"""FHIR dates, as partial as they come, as half-open intervals of integer microseconds UTC.

http://hl7.org/fhir/R4/search.html#date
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple

EVER = 1 << 62  # Open ends: before and after everything that a calendar can say.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR = 3_600_000_000
_DAY = 24 * _HOUR

# An interval's class by its length bounds where an overlapping one can begin. Two hours of grace for changes of clocks.
SPANS = (_DAY + 2 * _HOUR, 31 * _DAY + 2 * _HOUR, 366 * _DAY + 2 * _HOUR)
OPEN = len(SPANS)

_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,12}))?)?(Z|[+\- ]\d\d:\d\d)?)?)?)?", re.ASCII
)


class Interval(NamedTuple):
    lo: int
    hi: int

    @property
    def length_class(self) -> int:
        length = self.hi - self.lo
        return next((cls for cls, span in enumerate(SPANS) if length <= span), OPEN)


@lru_cache(maxsize=16384)
def interval(text: str, zone: tzinfo) -> Interval | None:
    """None when it is no date. `zone` is where a date without one is meant."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    try:
        return _interval(found, zone)
    except (ValueError, OverflowError):
        return None


def _interval(found: re.Match[str], zone: tzinfo) -> Interval:
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    y, m, d = int(year), int(month or 1), int(day or 1)
    if hour is None:
        begins = datetime(y, m, d, tzinfo=zone)
        return Interval(_micros(begins), _after(y, m if month else None, d if day else None, zone))
    # A leap second is counted as the one before it, as every clock here does.
    seconds = min(int(second or 0), 59) if second == "60" else int(second or 0)
    micros = int(f"{fraction or '':0<6}"[:6])
    at = datetime(y, m, d, int(hour), int(minute), seconds, micros, tzinfo=_zone(offset, zone))
    lo = _micros(at)
    if fraction:
        return Interval(lo, lo + 10 ** max(6 - len(fraction), 0))
    return Interval(lo, lo + (1_000_000 if second else 60_000_000))


def _after(year: int, month: int | None, day: int | None, zone: tzinfo) -> int:
    if year == 9999 and (month or 12) == 12 and (day or 31) == 31:
        return EVER
    if day is not None and month is not None:
        following = datetime(year, month, day) + timedelta(days=1)  # noqa: DTZ001
    elif month is not None:
        following = datetime(year + month // 12, month % 12 + 1, 1)  # noqa: DTZ001
    else:
        following = datetime(year + 1, 1, 1)  # noqa: DTZ001
    return _micros(following.replace(tzinfo=zone))


def _zone(offset: str | None, zone: tzinfo) -> tzinfo:
    if offset is None:
        return zone
    if offset == "Z":
        return UTC
    # A plus sign that was not escaped in a URL arrives as a space.
    return _offset(-1 if offset[0] == "-" else 1, int(offset[1:3]), int(offset[4:6]))


def _offset(sign: int, hours: int, minutes: int) -> tzinfo:
    if hours > 14 or minutes > 59:
        raise ValueError("no such time zone")
    return timezone(sign * timedelta(hours=hours, minutes=minutes))


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def intervals_of(value: Any, zone: tzinfo) -> list[Interval]:
    """Of a date, dateTime, instant, Period or Timing as it stands in a resource."""
    if isinstance(value, str):
        found = interval(value, zone)
        return [found] if found else []
    if not isinstance(value, dict):
        return []
    if "start" in value or "end" in value:
        return _period(value, zone)
    if "event" in value or "repeat" in value:
        return _outer_limits(value, zone)
    return []


def _outer_limits(timing: dict[str, Any], zone: tzinfo) -> list[Interval]:
    """When within it something is planned does not matter: a Timing is all from its beginning to its end."""
    bounds = timing.get("repeat", {}).get("boundsPeriod")
    known = _period(bounds, zone) if bounds else []
    known += [found for event in timing.get("event", ()) if event for found in intervals_of(event, zone)]
    return [Interval(min(each.lo for each in known), max(each.hi for each in known))] if known else []


def _period(period: dict[str, Any], zone: tzinfo) -> list[Interval]:
    start = interval(period["start"], zone) if period.get("start") else None
    end = interval(period["end"], zone) if period.get("end") else None
    if start is None and end is None:
        return []
    lo, hi = (start.lo if start else -EVER), (end.hi if end else EVER)
    return [Interval(lo, max(lo, hi))]
