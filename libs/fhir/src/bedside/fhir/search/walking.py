"""Sorting without gathering: the index of the first sort key is walked in its order until a page is full.

For searches that select so much that sorting all of it would take as long as there is much. What has no value for the
key is not in the index: it comes last, and is found by sorting.
"""

from dataclasses import dataclass

from bedside.fhir.search.criteria import Statement
from bedside.fhir.search.driving import Plan
from bedside.fhir.search.paging import PagePosition
from bedside.fhir.search.query import Query
from bedside.fhir.search.sorting import SortKey

# By kind of key: the table, and in which columns the values of one version are told apart, the key first. Each has an
# index that begins with `sp` and the key. Quantities lie by unit first, numbers by their lower bound.
_ASCENDING = {
    "date": ("ix_date", ("lo", "hi")),
    "string": ("ix_string", ("norm", "xh")),
    "token": ("ix_string", ("norm", "xh")),
    "number": ("ix_num", ("lo", "hi")),
    "uri": ("ix_uri", ("uri",)),
}
_DESCENDING = {**_ASCENDING, "date": ("ix_date", ("hi", "lo"))}
del _DESCENDING["number"]


@dataclass(frozen=True)
class Walk:
    """FROM and WHERE of all versions that have a value for the key, each once; `key` is the column to order by."""

    source: str
    said: str
    key: str


def can_walk(query: Query, plan: Plan, after: PagePosition | None) -> bool:
    """Not where little is to be sorted, nor past the last value."""
    if not plan.is_large or len(query.type_names) != 1 or not query.sort:
        return False
    first = query.sort[0]
    if len(first.sps) != 1 or first.kind not in (_DESCENDING if first.descending else _ASCENDING):
        return False
    return after is None or (not after.backwards and not (after.keys and after.keys[0] == first.none))


def walk(statement: Statement, query: Query, plan: Plan) -> Walk:
    first = query.sort[0]
    table, columns = (_DESCENDING if first.descending else _ASCENDING)[first.kind]
    _, said = Plan(plan.type_names, None, query.criteria).source(statement, "v")
    within = f"d.sp = {first.sps[0]} AND v.vid = d.vid"
    return Walk(
        f"{table} d CROSS JOIN version v", f"{within} AND {said} AND {_once(statement, first)}", f"d.{columns[0]}"
    )


def _once(statement: Statement, first: SortKey) -> str:
    """A version with several values counts by that which comes first in the walk."""
    table, columns = (_DESCENDING if first.descending else _ASCENDING)[first.kind]
    sign = ">" if first.descending else "<"
    earlier = f"o.{columns[-1]} {sign} d.{columns[-1]}"
    for column in reversed(columns[:-1]):
        earlier = f"(o.{column} {sign} d.{column} OR (o.{column} = d.{column} AND {earlier}))"
    return f"NOT {statement.exists(f'{table} o WHERE o.vid = v.vid AND o.sp = {first.sps[0]} AND {earlier}')}"
