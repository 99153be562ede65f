"""Dates, as intervals on both sides. http://hl7.org/fhir/R4/search.html#date"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from bedside.fhir.search.asked import Asked
from bedside.fhir.search.criteria import Criterion, Either, LastUpdated, Reach, Statement, sp_among
from bedside.fhir.search.escaping import unescaped
from bedside.fhir.search.moments import OPEN, SPANS, Interval, interval

_PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.ASCII | re.DOTALL)
_CLOSED = ", ".join(str(cls) for cls in range(OPEN))
_DAY = 86_400_000_000

# What holds of a row's [lo, hi) for the searched [a, b).
_HOLDS: dict[str, Callable[[str, str, str], str]] = {
    "eq": lambda i, a, b: f"{i}.lo >= {a} AND {i}.hi <= {b}",
    "ne": lambda i, a, b: f"NOT ({i}.lo >= {a} AND {i}.hi <= {b})",
    "gt": lambda i, a, b: f"{i}.hi > {b}",
    "lt": lambda i, a, b: f"{i}.lo < {a}",
    "ge": lambda i, a, b: f"({i}.hi > {b} OR {i}.lo >= {a})",
    "le": lambda i, a, b: f"({i}.lo < {a} OR {i}.hi <= {b})",
    "sa": lambda i, a, b: f"{i}.lo >= {b}",
    "eb": lambda i, a, b: f"{i}.hi <= {a}",
    "ap": lambda i, a, b: f"{i}.lo < {b} AND {i}.hi > {a}",
}


@dataclass(frozen=True)
class Sought:
    prefix: str
    within: Interval

    def holds(self, statement: Statement, i: str) -> str:
        used = _HOLDS[self.prefix]("", "a", "b")
        a = statement.bind(self.within.lo) if re.search(r"\ba\b", used) else ""
        b = statement.bind(self.within.hi) if re.search(r"\bb\b", used) else ""
        return _HOLDS[self.prefix](i, a, b)

    def ranges(self, statement: Statement, i: str) -> tuple[str, ...]:
        """Stretches of one index in which all rows lie that may hold: few others may, or counting would meet them."""
        a, b = self.within
        if self.prefix == "eq":
            return (f"{i}.lo >= {statement.bind(a)} AND {i}.lo < {statement.bind(b)}",)
        if self.prefix in ("gt", "ge"):
            return (f"{i}.hi > {statement.bind(b if self.prefix == 'gt' else a)}",)
        if self.prefix == "ap":
            # A class of lengths bounds how long before `a` that can be.
            closed = f"{i}.lo > {statement.bind(a - SPANS[-1])} AND {i}.lo < {statement.bind(b)}"
            return (f"{i}.cls IN ({_CLOSED}) AND {closed}", f"{i}.cls = {OPEN}")
        if self.prefix in ("lt", "eb", "le"):
            return (f"{i}.lo < {statement.bind(b)}",)
        if self.prefix == "sa":
            return (f"{i}.lo >= {statement.bind(b)}",)
        return (f"{i}.cls IN ({_CLOSED}, {OPEN})",)


@dataclass(frozen=True)
class DateIs:
    sps: tuple[int, ...]
    sought: Sought

    def test(self, statement: Statement, version: str) -> str:
        return statement.exists(
            f"ix_date i WHERE i.vid = {version}.vid AND {sp_among('i', self.sps)}"
            f" AND {self.sought.holds(statement, 'i')}"
        )

    def rows(self, statement: Statement) -> str | None:
        return " UNION ALL ".join(
            f"SELECT i.vid FROM ix_date i WHERE {sp_among('i', self.sps)} AND {begins}"
            f" AND {self.sought.holds(statement, 'i')}"
            for begins in self.sought.ranges(statement, "i")
        )

    @property
    def reach(self) -> Reach:
        return "wide"


def sought(asked: Asked, value: str) -> Sought:
    """Refused when it is no date."""
    found = _PREFIXED.fullmatch(unescaped(value))
    within = interval(found[2], asked.facility.zone) if found else None
    if found is None or within is None:
        asked.refuse(
            "a date is written as 2020, 2020-05, 2020-05-17 or 2020-05-17T10:30:00Z,"
            " after one of eq ne gt lt ge le sa eb ap or nothing"
        )
    prefix = found[1] or "eq"
    if prefix == "ap":
        # About a day is a day more on each side, about a year a year.
        margin = max(within.hi - within.lo, _DAY)
        within = Interval(within.lo - margin, within.hi + margin)
    return Sought(prefix, within)


def criterion(asked: Asked) -> Criterion:
    asked.allow(())
    criteria = tuple(DateIs(asked.sps, sought(asked, value)) for value in asked.values)
    return criteria[0] if len(criteria) == 1 else Either(criteria)


def last_updated(asked: Asked) -> Criterion:
    """`_lastUpdated`: the version's own instant; an index of the versions themselves leads to it."""
    asked.allow(())
    every = tuple(sought(asked, value) for value in asked.values)

    def where(statement: Statement, ts: str) -> str:
        return "(" + " OR ".join(_instant(statement, ts, each) for each in every) + ")"

    is_range = len(every) == 1 and every[0].prefix != "ne"
    return LastUpdated(asked.type_names or (asked.type_name,), where, is_range)


def _instant(statement: Statement, ts: str, sought: Sought) -> str:
    a, b = sought.within
    if sought.prefix in ("eq", "ap", "ne"):
        inside = f"{ts} >= {statement.bind(a)} AND {ts} < {statement.bind(b)}"
        return f"NOT ({inside})" if sought.prefix == "ne" else f"({inside})"
    sign, bound = {
        "gt": (">=", b), "sa": (">=", b), "ge": (">=", a), "lt": ("<", a), "eb": ("<", a), "le": ("<", b)
    }[sought.prefix]  # fmt: skip
    return f"{ts} {sign} {statement.bind(bound)}"
