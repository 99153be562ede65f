"""`_sort`: by several keys, each ascending or (with `-`) descending; what has no value comes last.

http://hl7.org/fhir/R4/search.html#sort
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.criteria import Statement, sp_among
from bedside.fhir.search.folding import LAST
from bedside.fhir.search.moments import EVER
from bedside.fhir.search.parameter_types.number import UNBOUNDED
from bedside.fhir.search.parameters import parameters
from bedside.fhir.search.spelling import unknown

KEYS_MAX = 5
# Table, column when ascending, column when descending, and what stands for no value in either direction.
_COLUMNS: dict[str, tuple[str, str, str, Any, Any]] = {
    "date": ("ix_date", "lo", "hi", 2 * EVER - 1, -2 * EVER),
    "string": ("ix_string", "norm", "norm", LAST, ""),
    "token": ("ix_string", "norm", "norm", LAST, ""),
    "number": ("ix_num", "lo", "hi", UNBOUNDED, -UNBOUNDED),
    "quantity": ("ix_qty", "lo", "hi", UNBOUNDED, -UNBOUNDED),
    "uri": ("ix_uri", "uri", "uri", "\U0010ffff", ""),
}


@dataclass(frozen=True)
class SortKey:
    """`kind` is the parameter's type, or `_id` or `_lastUpdated`. `turned`: walked from its end to its beginning."""

    code: str
    kind: str
    descending: bool
    sps: tuple[int, ...] = ()
    turned: bool = False

    def expression(self, statement: Statement, version: str) -> str:
        """The key of a version. Never NULL, so that a page can go on after it."""
        if self.kind == "_id":
            return f"(SELECT fid FROM resource WHERE rid = {version}.rid)"
        if self.kind == "_lastUpdated":
            return f"{version}.ts"
        table, first, last, *_ = _COLUMNS[self.kind]
        chosen = f"max({last})" if self.descending else f"min({first})"
        none = self.none
        cast = "" if isinstance(none, str) else ("::bigint" if isinstance(none, int) else "::double precision")
        bound = statement.bind(none) + (cast if statement.dialect == "postgresql" else "")
        held = f"SELECT {chosen} FROM {table} s WHERE s.vid = {version}.vid AND {sp_among('s', self.sps)}"
        return f"coalesce(({held}), {bound})"

    @property
    def none(self) -> Any:
        """What stands for no value, so that it comes last; None where there always is one."""
        if self.kind not in _COLUMNS:
            return None
        *_, none_first, none_last = _COLUMNS[self.kind]
        return none_last if self.descending else none_first

    @property
    def direction(self) -> str:
        return "DESC" if self.descending != self.turned else "ASC"


def sort_of(type_names: Sequence[str], value: str) -> tuple[SortKey, ...]:
    """Refused for a parameter that does not exist in each of the types, or that has no order."""
    names = value.split(",")
    if len(names) > KEYS_MAX:
        raise Refused(400, [Issue("too-costly", f"Parameter _sort takes at most {KEYS_MAX} keys")])
    return tuple(_common_key(type_names, name.strip()) for name in names)


def _common_key(type_names: Sequence[str], name: str) -> SortKey:
    keys = [_key(type_name, name) for type_name in type_names]
    if len({key.kind for key in keys}) > 1:
        text = f"Parameter _sort: {keys[0].code} is not of the same kind in all the types that are searched"
        raise Refused(400, [Issue("not-supported", text)])
    return replace(keys[0], sps=tuple(sorted({sp for key in keys for sp in key.sps})))


def _key(type_name: str, name: str) -> SortKey:
    code, descending = name.removeprefix("-"), name.startswith("-")
    if code in ("_id", "_lastUpdated"):
        return SortKey(code, code, descending)
    parameter = parameters(type_name).get(code)
    if parameter is None:
        raise Refused(400, [Issue("not-supported", f"Parameter _sort: {unknown(type_name, code)}")])
    if parameter.kind not in _COLUMNS or (parameter.kind == "token" and not parameter.is_by_patient):
        raise Refused(400, [Issue("not-supported", f"Parameter _sort: {code} has no order to sort by")])
    return SortKey(code, parameter.kind, descending, parameter.sps)


def turned(keys: Sequence[SortKey]) -> tuple[SortKey, ...]:
    """The other way round, to walk backwards: the values of the keys stay the same."""
    return tuple(replace(key, turned=not key.turned) for key in keys)


def after(
    keys: Sequence[SortKey], values: Sequence[Any], vid: int, statement: Statement, *, backwards: bool = False
) -> str:
    """What comes after the last row of a page, for keys k1, k2 … and then `vid`: newest first, or last (backwards)."""
    said = f"q.vid {'>' if backwards else '<'} {statement.bind(vid)}"
    for place in range(len(keys), 0, -1):
        bound = statement.bind(values[place - 1])
        sign = "<" if keys[place - 1].direction == "DESC" else ">"
        said = f"(q.k{place} {sign} {bound} OR (q.k{place} = {statement.bind(values[place - 1])} AND {said}))"
    # Said apart as well: this alone is what an index can be entered by.
    sign = "<=" if keys[0].direction == "DESC" else ">="
    return f"q.k1 {sign} {statement.bind(values[0])} AND {said}"
