"""URIs, compared letter by letter. http://hl7.org/fhir/R4/search.html#uri"""

from collections.abc import Iterator
from typing import Any

from bedside.fhir.search.asked import Asked
from bedside.fhir.search.criteria import Criterion, Indexed, Rows, Statement, among, sp_among
from bedside.fhir.search.escaping import unescaped

# PostgreSQL's index entries are limited; URIs that agree this far are taken as the same.
URI_CHARACTERS_MAX = 512
# Of a URL whose parents are asked for.
STEPS_MAX = 40
_LAST = "\U0010ffff"


def uris_of(value: Any) -> Iterator[str]:
    """A canonical is found with and without its version."""
    if isinstance(value, str) and value:
        yield shortened(value)
        url, _, version = value.partition("|")
        if version and url:
            yield shortened(url)


def canonical_name(reference: str) -> str:
    """What a canonical reference shares with its target's rows: with a version that one, else `url|` for any."""
    return shortened(reference if "|" in reference else f"{reference}|")


def shortened(uri: str) -> str:
    return uri.replace("\x00", "")[:URI_CHARACTERS_MAX]


def criterion(asked: Asked) -> Criterion:
    asked.allow(("above", "below"))
    uris = tuple(shortened(unescaped(value)) for value in asked.values)
    if asked.modifier and any(uri.startswith("urn:") for uri in uris):
        asked.refuse("URNs have no hierarchy; only URLs are above or below one another")
    if asked.modifier == "below":
        return Indexed(tuple(_below(asked.sps, uri) for uri in uris))
    if asked.modifier == "above":
        return is_one_of(asked.sps, tuple(dict.fromkeys(each for uri in uris for each in _above(asked, uri))))
    return is_one_of(asked.sps, uris)


def _above(asked: Asked, uri: str) -> Iterator[str]:
    """The URL and all it lies under, with and without a slash at the end."""
    yield uri
    scheme, _, rest = uri.partition("://")
    steps = rest.rstrip("/").split("/")
    if len(steps) > STEPS_MAX:
        asked.too_costly(f"at most {STEPS_MAX} steps of a URL can be looked for")
    for count in range(1, len(steps) + 1):
        above = f"{scheme}://{'/'.join(steps[:count])}"
        yield from (above, f"{above}/")


def is_one_of(sps: tuple[int, ...], uris: tuple[str, ...]) -> Indexed:
    def where(statement: Statement, i: str) -> str:
        return f"{sp_among(i, sps)} AND {among(statement, f'{i}.uri', uris)}"

    return Indexed((Rows("ix_uri", where, exact=len(uris) == 1 and len(sps) == 1),))


def _below(sps: tuple[int, ...], uri: str) -> Rows:
    def where(statement: Statement, i: str) -> str:
        return f"{sp_among(i, sps)} AND {i}.uri >= {statement.bind(uri)} AND {i}.uri < {statement.bind(uri + _LAST)}"

    return Rows("ix_uri", where)
