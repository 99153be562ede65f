"""How values of the views are put into words on a page."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TREND = {"up": "↑ rising", "down": "↓ falling", "steady": "→ steady"}
WARNINGS = {
    "allergies-not-asked": "Allergies not asked",
    "allergies-unavailable": "Allergies could not be loaded",
    "allergies-stale": "Allergies may be out of date",
    "allergies-partial": "Allergies incomplete",
    "allergy-conflict": "Allergy records contradict each other",
    "medication-expired": "A medicine is past its end",
    "medication-possible-duplicate": "Possible duplicate medicine",
    "medications-unavailable": "Medicines could not be loaded",
    "medications-stale": "Medicines may be out of date",
    "medications-partial": "Medicines incomplete",
    "news2-high": "NEWS2 high",
    "news2-incomplete": "NEWS2 incomplete",
    "news2-unavailable": "NEWS2 could not be computed",
    "news2-stale": "NEWS2 may be out of date",
    "news2-partial": "NEWS2 could not be computed",
    "task-overdue": "Task overdue",
    "restricted-hidden": "Restricted information hidden",
    "interpreter-needed": "Interpreter needed",
}
_REFUSALS = {
    403: ("Not available to your role", "You may not see this patient in this way."),
    404: ("No such patient", "Nobody here has this number. Search again by name."),
    410: ("This record was merged", "The patient's record lives on under another number. Search again by name."),
    503: (
        "The patient could not be loaded",
        "Without knowing who it is, nothing clinical is shown. Try again shortly.",
    ),
}


def refusal(status: int) -> tuple[str, str]:
    """Title and sentence for a view that was not answered."""
    return _REFUSALS.get(status, ("This could not be shown", "Please try again; if it stays so, tell the help desk."))


def filters(zone: ZoneInfo) -> dict[str, Callable[..., Any]]:
    def when(instant: str | None) -> str:
        """20 May 2026, 10:00"""
        if not instant:
            return ""
        at = datetime.fromisoformat(instant).astimezone(zone)
        return f"{_spoken(at.date())}, {at:%H:%M}"

    return {
        "clock": lambda instant: f"{datetime.fromisoformat(instant).astimezone(zone):%H:%M}",
        "when": when,
        "day": day,
        "trend": lambda trend: _TREND.get(trend, ""),
        "warning": lambda code: WARNINGS.get(code, code.replace("-", " ").capitalize()),
        "words": lambda code: (code or "").replace("-", " "),
    }


def day(recorded: str | None) -> str:
    """2 Nov 1954; a partial date says no more than it knows: Mar 2011, 2008."""
    parts = (recorded or "").split("T")[0].split("-")
    if len(parts) == 3:
        return _spoken(date.fromisoformat("-".join(parts)))
    if len(parts) == 2:
        return f"{_MONTHS[int(parts[1]) - 1]} {parts[0]}"
    return parts[0]


def _spoken(of: date) -> str:
    return f"{of.day} {_MONTHS[of.month - 1]} {of.year}"
