"""Parameters that shape the answer rather than select from it.

http://hl7.org/fhir/R4/search.html#modifyingresults
"""

from typing import Literal

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search import subset
from bedside.fhir.search.including import Include, includes_of, revinclude_of
from bedside.fhir.search.sorting import SortKey, sort_of
from bedside.fhir.search.spelling import SHAPING, shown

INCLUDES_MAX = 30
Total = Literal["none", "estimate", "accurate"]
_TOTALS: tuple[Total, ...] = ("none", "estimate", "accurate")
_UNSUPPORTED = {
    "_contained": "contained resources are found with what contains them",
    "_containedType": "contained resources are found with what contains them",
    "_filter": "ask with parameters instead",
    "_query": "no named queries are defined here",
    "_score": "matches have no score",
}


class Shape:
    """What the answer shall look like."""

    def __init__(self, type_names: tuple[str, ...], count: int, count_max: int) -> None:
        self._type_names = type_names
        self._count_max = count_max
        self._includes_asked = 0
        self._seen: set[str] = set()
        self.count = count
        self.sort: tuple[SortKey, ...] = ()
        self.includes: list[Include] = []
        self.revincludes: list[Include] = []
        self.total: Total = "none"
        self.count_only = False
        self.subset: subset.Subset | None = None
        self.page: str | None = None

    def take(self, name: str, value: str) -> bool:
        """False when the parameter is none of these."""
        if (why := _UNSUPPORTED.get(name.partition(":")[0])) is not None:
            raise Refused(400, [Issue("not-supported", f"Parameter {shown(name)} is not supported: {why}")])
        if name not in SHAPING:
            if name.partition(":")[0] in SHAPING:
                raise Refused(400, [Issue("not-supported", f"Parameter {shown(name)} has no such modifier")])
            return False
        stem, _, modifier = name.partition(":")
        if stem in ("_include", "_revinclude"):
            self._include(stem, value, iterates=bool(modifier))
            return True
        if name in self._seen:
            raise Refused(400, [Issue("value", f"Parameter {name} is given more than once")])
        self._seen.add(name)
        getattr(self, f"_take{name}")(value)
        return True

    def _include(self, stem: str, value: str, *, iterates: bool) -> None:
        self._includes_asked += 1
        if self._includes_asked > INCLUDES_MAX:
            raise Refused(400, [Issue("too-costly", f"A search has at most {INCLUDES_MAX} includes")])
        if stem == "_include":
            self.includes += includes_of(self._type_names, value, iterates=iterates)
        else:
            self.revincludes.append(revinclude_of(self._type_names, value, iterates=iterates))

    def _take_count(self, value: str) -> None:
        if not (value.isascii() and value.isdigit() and len(value) <= 9):
            raise Refused(400, [Issue("value", "Parameter _count is a whole number, 0 or more")])
        # R4: the server may return fewer than asked for.
        self.count = min(int(value), self._count_max)

    def _take_sort(self, value: str) -> None:
        self.sort = sort_of(self._type_names, value)

    def _take_total(self, value: str) -> None:
        for total in _TOTALS:
            if value == total:
                self.total = total
                return
        raise Refused(400, [Issue("value", "Parameter _total is none, estimate or accurate")])

    def _take_summary(self, value: str) -> None:
        self.count_only = value == "count"
        if not self.count_only:
            self._take_subset(subset.summary_of(value))

    def _take_elements(self, value: str) -> None:
        self._take_subset(subset.elements_of(self._type_names, value))

    def _take_subset(self, asked: subset.Subset | None) -> None:
        if {"_summary", "_elements"} <= self._seen:
            raise Refused(400, [Issue("value", "Parameters _summary and _elements exclude each other")])
        self.subset = asked

    def _take_page(self, value: str) -> None:
        self.page = value

    def check(self) -> None:
        """Refused for what cannot go together."""
        if self.subset is not None and self.subset.kind == "text" and (self.includes or self.revincludes):
            text = "Parameter _summary: text goes without _include and _revinclude"
            raise Refused(400, [Issue("value", text)])
