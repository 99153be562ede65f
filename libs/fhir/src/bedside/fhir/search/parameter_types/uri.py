"""URIs, compared letter by letter. http://hl7.org/fhir/R4/search.html#uri"""

from collections.abc import Iterator
from typing import Any

from bedside.fhir.search.asked import Asked
from bedside.fhir.search.criteria import Criterion, Indexed, Rows, Statement, among, sp_among
from bedside.fhir.search.escaping import unescaped

# PostgreSQL's index entries are limited; URIs that agree this far are taken as the same.
URI_CHARACTERS_MAX = 512
_LAST = "\U0010ffff"


def uris_of(value: Any) -> Iterator[str]:
    """A canonical is found with and without its version."""
    if isinstance(value, str) and value:
        yield shortened(value)
        url, _, version = value.partition("|")
        if version and url:
            yield shortened(url)


def shortened(uri: str) -> str:
    return uri.replace("\x00", "")[:URI_CHARACTERS_MAX]


def criterion(asked: Asked) -> Criterion:
    asked.allow(("below",))
    uris = tuple(shortened(unescaped(value)) for value in asked.values)
    if asked.modifier == "below":
        return Indexed(tuple(_below(asked.sps, uri) for uri in uris))
    return is_one_of(asked.sps, uris)


def is_one_of(sps: tuple[int, ...], uris: tuple[str, ...]) -> Indexed:
    def where(statement: Statement, i: str) -> str:
        return f"{sp_among(i, sps)} AND {among(statement, f'{i}.uri', uris)}"

    return Indexed((Rows("ix_uri", where, exact=len(uris) == 1 and len(sps) == 1),))


def _below(sps: tuple[int, ...], uri: str) -> Rows:
    def where(statement: Statement, i: str) -> str:
        return f"{sp_among(i, sps)} AND {i}.uri >= {statement.bind(uri)} AND {i}.uri < {statement.bind(uri + _LAST)}"

    return Rows("ix_uri", where)
