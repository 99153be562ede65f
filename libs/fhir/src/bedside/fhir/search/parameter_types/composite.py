"""Two values of one element at once: `code$value`. http://hl7.org/fhir/R4/search.html#composite

Every composite of R4 begins with a token; the table is chosen by what follows it.
"""

from collections.abc import Callable, Iterator
from typing import Any

from bedside.fhir.search.asked import Asked, Facility
from bedside.fhir.search.criteria import Criterion, Indexed, Rows, Statement, sp_among
from bedside.fhir.search.escaping import split, unescaped
from bedside.fhir.search.expressions import compiled_within
from bedside.fhir.search.folding import LAST, folded
from bedside.fhir.search.hashing import CONTINUED, pair_hashes
from bedside.fhir.search.moments import intervals_of
from bedside.fhir.search.parameter_types import date, number, quantity, reference, string, token
from bedside.fhir.search.parameters import Part

Row = tuple[Any, ...]
_TABLES = {"quantity": "ix_tq", "date": "ix_td", "token": "ix_tt", "string": "ix_ts", "reference": "ix_tr"}


def pairs_of(
    parts: tuple[Part, ...], value: Any, resource: dict[str, Any], facility: Facility
) -> Iterator[tuple[str, int, Row]]:
    """(table, hash of the first, columns of the second) for every pair in one element."""
    first, second = parts
    # Most elements lack the second: then the first is not looked at.
    seconds = compiled_within(second.expression, second.kind)(value, resource)
    if not seconds:
        return
    hashes = {
        hash
        for found in compiled_within(first.expression, first.kind)(value, resource)
        for system, code in token.tokens_of(found)
        for hash in pair_hashes(system, code)
    }
    table = _TABLES[second.kind]
    for found in seconds:
        for columns in _columns(second.kind, found, facility):
            for hash in hashes:
                yield table, hash, columns


def _columns(kind: str, value: Any, facility: Facility) -> Iterator[Row]:
    if kind == "quantity":
        yield from quantity.spans_of(value)
    elif kind == "date":
        yield from ((found.length_class, *found) for found in intervals_of(value, facility.zone))
    elif kind == "token":
        yield from ((hash,) for tokens in token.tokens_of(value) for hash in pair_hashes(*tokens))
    elif kind == "string":
        yield from (row for text in string.strings_of(value) for row in string.rows(text))
    elif kind == "reference":
        text = reference.text_of(value)
        named = reference.local(text, facility) if text else None
        if named:
            yield (f"{named.type_name}/{named.id}",)


def criterion(asked: Asked, parts: tuple[Part, ...]) -> Criterion:
    asked.allow(())
    rows: list[Rows] = []
    for value in asked.values:
        sides = split(value, "$")
        if len(sides) != len(parts) or not all(sides):
            asked.refuse("a composite is written as " + "$".join(part.code for part in parts))
        hash = token.hash_asked(asked, sides[0])
        rows += [_rows(asked, _TABLES[parts[1].kind], hash, said) for said in _SAID[parts[1].kind](asked, sides[1])]
    return Indexed(tuple(rows))


_Said = Callable[[Statement, str], str]


def _rows(asked: Asked, table: str, hash: int, said: _Said) -> Rows:
    def where(statement: Statement, i: str) -> str:
        return f"{sp_among(i, asked.sps)} AND {i}.h = {statement.bind(hash)} AND {said(statement, i)}"

    return Rows(table, where)


def _quantity(asked: Asked, value: str) -> list[_Said]:
    def said(unit: int, each: number.Sought) -> _Said:
        return lambda statement, i: f"{i}.uh = {statement.bind(unit)} AND {number.condition(statement, i, each)}"

    return [said(unit, each) for unit, each in quantity.spans_asked(asked, value)]


def _date(asked: Asked, value: str) -> list[_Said]:
    return [date.sought(asked, value).holds]


def _token(asked: Asked, value: str) -> list[_Said]:
    hash = token.hash_asked(asked, value)
    return [lambda statement, i: f"{i}.h2 = {statement.bind(hash)}"]


def _string(asked: Asked, value: str) -> list[_Said]:
    norm = folded(unescaped(value))
    string.check(asked, norm)

    def said(statement: Statement, i: str) -> str:
        lo, hi = statement.bind(norm), statement.bind(norm + LAST)
        return f"{i}.norm >= {lo} AND {i}.norm < {hi} AND {i}.xh <> {CONTINUED}"

    return [said]


def _reference(asked: Asked, value: str) -> list[_Said]:
    text = unescaped(value)
    named = reference.local(text, asked.facility)
    if named is None:
        named = reference.local(f"{asked.type_name}/{text}", asked.facility)
    if named is None:
        asked.refuse("a reference is written as id or Type/id")
    target = named
    return [lambda statement, i: f"{i}.trid = {statement.resource(*target)}"]


_SAID: dict[str, Callable[[Asked, str], list[_Said]]] = {
    "quantity": _quantity,
    "date": _date,
    "token": _token,
    "string": _string,
    "reference": _reference,
}
