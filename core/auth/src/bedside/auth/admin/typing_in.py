"""What people typed into the console's forms, brought into shape before anything is done with it."""

import unicodedata
from datetime import datetime, time, tzinfo

from bedside.auth.parameters import Parameters

WORDS_MAX = 200
_YEARS = (2000, 2100)


def typed(form: Parameters, name: str, *, characters_max: int = WORDS_MAX) -> str:
    """Without space around and without invisible characters, cut at `characters_max`; "" when it is absent."""
    kept = (letter for letter in form.get(name) or "" if unicodedata.category(letter) not in ("Cc", "Cf", "Cs"))
    return "".join(kept).strip()[:characters_max]


def typed_lines(form: Parameters, name: str, *, lines_max: int = 100) -> list[str]:
    """One value a line, as in a text area; empty lines do not count."""
    lines = (line.strip() for line in (form.get(name) or "").splitlines())
    return [line for line in lines if line][:lines_max]


def typed_day(form: Parameters, name: str, zone: tzinfo) -> datetime | None:
    """The beginning of that day. None when it is absent; raises ValueError when it is no date of this century."""
    given = typed(form, name)
    if not given:
        return None
    day = datetime.strptime(given, "%Y-%m-%d").date()  # noqa: DTZ007
    if not _YEARS[0] <= day.year <= _YEARS[1]:
        raise ValueError("a day in another century was mistyped")
    return datetime.combine(day, time(), tzinfo=zone)
