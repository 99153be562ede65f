"""Moments and states as administrators read them."""

from datetime import datetime, timedelta, tzinfo

from markupsafe import Markup

_MOMENT = timedelta(microseconds=1)


class Wording:
    """What templates call to write a moment."""

    def __init__(self, now: datetime, zone: tzinfo) -> None:
        self._now = now
        self._zone = zone

    def when(self, moment: datetime | None) -> Markup:
        """`25 Nov 2026, 20:43`, on the clock of the installation."""
        return self._time(moment, f"{moment.astimezone(self._zone):%-d %b %Y, %H:%M}") if moment else Markup("–")

    def day(self, moment: datetime | None) -> Markup:
        return self._time(moment, f"{moment.astimezone(self._zone):%-d %b %Y}") if moment else Markup("–")

    def last_day(self, until: datetime) -> Markup:
        """The day that an end at midnight leaves whole."""
        return self._time(until, f"{(until - _MOMENT).astimezone(self._zone):%-d %b %Y}")

    def exactly(self, moment: datetime) -> Markup:
        return self._time(moment, f"{moment.astimezone(self._zone):%-d %b %Y, %H:%M:%S}")

    def ago(self, moment: datetime | None) -> Markup:
        return self._time(moment, distance(moment, self._now)) if moment else Markup("never")

    def _time(self, moment: datetime | None, text: str) -> Markup:
        assert moment is not None, "written only when there is one"
        local = moment.astimezone(self._zone)
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            local.isoformat(timespec="seconds"), f"{local:%-d %b %Y, %H:%M:%S %Z}", text
        )


def distance(moment: datetime, now: datetime) -> str:
    """`just now`, `5 minutes ago`, `in 3 days`."""
    gap = abs(now - moment)
    if gap < timedelta(minutes=1):
        return "just now"
    for unit, length in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        count = gap // length
        if count:
            counted = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"{counted} ago" if moment <= now else f"in {counted}"
    raise AssertionError("a gap of a minute or more has a unit")
