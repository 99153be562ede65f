"""Strings, names and addresses. http://hl7.org/fhir/R4/search.html#string"""

from collections.abc import Iterator
from typing import Any

from bedside.fhir.search.asked import Asked
from bedside.fhir.search.criteria import Criterion, Indexed, Rows, Statement, sp_among
from bedside.fhir.search.escaping import unescaped
from bedside.fhir.search.folding import LAST, OVERLAP, ROW_CHARACTERS, folded, rows_of
from bedside.fhir.search.hashing import CONTINUED, hashed

_PARTS = ("text", "family", "given", "prefix", "suffix", "line", "city", "district", "state", "country", "postalCode")


def strings_of(value: Any) -> Iterator[str]:
    """A string itself; of a HumanName or an Address every part, and a name as people type it."""
    if isinstance(value, str):
        yield value
        return
    if not isinstance(value, dict):
        return
    for part in _PARTS:
        held = value.get(part)
        if isinstance(held, str):
            yield held
        elif held:
            yield from (each for each in held if each)
    given, family = [each for each in value.get("given", ()) if each], value.get("family")
    if given and family:
        yield " ".join([*given, family])
        yield f"{given[0]} {family}"
        yield " ".join([family, *given])


def rows(text: str) -> Iterator[tuple[str, int]]:
    """(folded, hash of the whole) as the index holds them."""
    for place, norm in enumerate(rows_of(text)):
        yield norm, hashed(text) if place == 0 else CONTINUED


def criterion(asked: Asked) -> Criterion:
    asked.allow(("exact", "contains"))
    values = tuple(unescaped(value) for value in asked.values)
    wanted = tuple(folded(value) for value in values)
    for norm in wanted:
        check(asked, norm)
    make = {"exact": _exactly, "contains": _containing}.get(asked.modifier or "", _beginning)
    return Indexed(tuple(make(asked.sps, value, norm) for value, norm in zip(values, wanted, strict=True)))


def check(asked: Asked, norm: str) -> None:
    if not norm:
        asked.refuse("a string to look for has at least one letter or digit")
    if asked.modifier == "contains" and len(norm) > OVERLAP:
        asked.refuse(f"at most {OVERLAP} characters can be looked for inside a string")
    if asked.modifier is None and len(norm) > ROW_CHARACTERS:
        asked.refuse(f"at most {ROW_CHARACTERS} characters of a beginning can be looked for")


def _beginning(sps: tuple[int, ...], value: str, norm: str) -> Rows:
    def where(statement: Statement, i: str) -> str:
        lo, hi = statement.bind(norm), statement.bind(norm + LAST)
        return f"{sp_among(i, sps)} AND {i}.norm >= {lo} AND {i}.norm < {hi} AND {i}.xh <> {CONTINUED}"

    return Rows("ix_string", where)


def _exactly(sps: tuple[int, ...], value: str, norm: str) -> Rows:
    def where(statement: Statement, i: str) -> str:
        beginning = statement.bind(rows_of(value)[0])
        return f"{sp_among(i, sps)} AND {i}.norm = {beginning} AND {i}.xh = {statement.bind(hashed(value))}"

    return Rows("ix_string", where, exact=len(sps) == 1)


def _containing(sps: tuple[int, ...], value: str, norm: str) -> Rows:
    # Folded strings hold neither % nor _, so nothing needs an escape.
    def where(statement: Statement, i: str) -> str:
        return f"{sp_among(i, sps)} AND {i}.norm LIKE {statement.bind(f'%{norm}%')}"

    return Rows("ix_string", where)
