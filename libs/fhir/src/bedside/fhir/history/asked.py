"""The parameters of a history, strictly: what is not understood is refused, by name."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.moments import EVER, Interval, interval
from bedside.fhir.search.spelling import shown

COUNT_DEFAULT = 50
COUNT_MAX = 1000
PARAMETERS_MAX = 20
# A history is sorted with the oldest versions last; R4 has no other order.
_SORT = "-_lastUpdated"
_AT = re.compile(r"(eq|gt|lt|ge|le|sa|eb)?(\d.*)", re.ASCII | re.DOTALL)
_PERIOD: dict[str, Callable[[Interval], Interval]] = {
    "eq": lambda day: day,
    "ge": lambda day: Interval(day.lo, EVER),
    "gt": lambda day: Interval(day.hi, EVER),
    "sa": lambda day: Interval(day.hi, EVER),
    "le": lambda day: Interval(-EVER, day.hi),
    "lt": lambda day: Interval(-EVER, day.lo),
    "eb": lambda day: Interval(-EVER, day.lo),
}
Pair = tuple[str, str]


@dataclass(slots=True)
class Asked:
    """`address` is the path below the base, and leads to these types; `applied` goes into the links.

    `since` is microseconds since 1970.
    `during` is the period of `_at`: versions that were current at some time in it. `page` is a sealed token.
    """

    address: str
    type_names: tuple[str, ...] = ()
    applied: tuple[Pair, ...] = ()
    count: int = COUNT_DEFAULT
    since: int | None = None
    during: Interval | None = None
    page: str | None = None


def asked(address: str, type_names: Sequence[str], pairs: Sequence[Pair], *, lenient: bool) -> Asked:
    """Refused (400) with every problem at once. `lenient` passes over parameters that a history does not have."""
    if len(pairs) > PARAMETERS_MAX:
        raise Refused(400, [Issue("too-costly", f"a history has at most {PARAMETERS_MAX} parameters")])
    understood = Asked(address, tuple(type_names))
    wrong: list[Issue] = []
    seen: set[str] = set()
    for name, value in pairs:
        take = _TAKEN.get(name)
        if take is None:
            if not lenient:
                known = "_count, _since, _at and _sort=-_lastUpdated"
                wrong.append(Issue("not-supported", f"a history has no parameter {shown(name)}; it has {known}"))
        elif name in seen:
            wrong.append(Issue("value", f"parameter {name} is given more than once"))
        elif problem := take(understood, value):
            wrong.append(Issue("value", problem))
        elif name != "_page":
            understood.applied += ((name, value),)
        seen.add(name)
    if wrong:
        raise Refused(400, wrong)
    return understood


def _count(asked: Asked, value: str) -> str | None:
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        return "_count is a whole number, 0 or more"
    # R4: the server may return fewer than asked for.
    asked.count = min(int(value), COUNT_MAX)
    return None


def _since(asked: Asked, value: str) -> str | None:
    begin = interval(value, UTC)
    if begin is None:
        return "_since is an instant, as 2026-01-15T10:30:00Z"
    asked.since = begin.lo
    return None


def _at(asked: Asked, value: str) -> str | None:
    found = _AT.fullmatch(value)
    day = interval(found[2], UTC) if found else None
    if found is None or day is None:
        return "_at is a date, time or instant, as 2026-01-15, with or without a prefix"
    asked.during = _PERIOD[found[1] or "eq"](day)
    return None


def _sort(asked: Asked, value: str) -> str | None:
    return None if value == _SORT else f"_sort is {_SORT} in a history: newest first"


def _page(asked: Asked, value: str) -> str | None:
    asked.page = value
    return None


_TAKEN: dict[str, Callable[[Asked, str], str | None]] = {
    "_count": _count,
    "_since": _since,
    "_at": _at,
    "_sort": _sort,
    "_page": _page,
}
