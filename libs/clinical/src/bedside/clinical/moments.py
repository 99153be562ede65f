"""Time: instants in the facility's zone, dates as precise as they were recorded."""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_FRACTION = re.compile(r"\.(\d+)")
LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Moment:
    """When, and in which zone, a view looks."""

    now: datetime
    zone: ZoneInfo

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()


def instant(recorded: str | None, zone: ZoneInfo) -> datetime | None:
    """The first instant of what was recorded; a date begins at midnight in the facility's zone. None if unreadable."""
    if not recorded:
        return None
    try:
        if "T" in recorded:
            # R4 allows any number of fractional digits, Python six.
            clipped = _FRACTION.sub(lambda found: "." + found[1][:6].ljust(6, "0"), recorded)
            parsed = datetime.fromisoformat(clipped)
            return parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)
        year, month, day = ([int(part) for part in recorded.split("-")] + [1, 1])[:3]
        return datetime.combine(date(year, month, day), time.min, zone)
    except ValueError:
        return None


def printed(recorded: str | None, zone: ZoneInfo) -> str | None:
    """Instants with the facility's offset; dates, whole or partial, as recorded."""
    if not recorded or "T" not in recorded:
        return recorded
    moment = instant(recorded, zone)
    return shown(moment, zone) if moment else recorded


def shown(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat(timespec="seconds")


def day(recorded: str | None, zone: ZoneInfo) -> str | None:
    """The facility's calendar day of an instant; a date as recorded."""
    if not recorded or "T" not in recorded:
        return recorded
    moment = instant(recorded, zone)
    return moment.astimezone(zone).date().isoformat() if moment else recorded


def last_day(recorded: str | None, zone: ZoneInfo) -> date | None:
    """The last calendar day that what was recorded may mean: "2026-04" ends on the 30th."""
    moment = instant(recorded, zone)
    if recorded is None or moment is None:
        return None
    local = moment.astimezone(zone).date()
    parts = recorded.count("-") if "T" not in recorded else 2
    if parts == 0:
        return date(local.year, 12, 31)
    if parts == 1:
        return local.replace(day=calendar.monthrange(local.year, local.month)[1])
    return local


def known_first(recorded: str | None, zone: ZoneInfo) -> tuple[datetime, str]:
    """Sorts by time, the oldest first and what has no time last."""
    return instant(recorded, zone) or LAST, recorded or ""


def newest_first(recorded: str | None, zone: ZoneInfo) -> float:
    """Sorts by time, the newest first and what has no time last."""
    moment = instant(recorded, zone)
    return -moment.timestamp() if moment else float("inf")


def older(than: timedelta, at: datetime, moment: Moment) -> bool:
    return moment.now - at > than
