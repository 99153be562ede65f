"""Requests that concern types of several owners at once: what of each is asked of whom."""

import re
from collections.abc import Sequence

import orjson

from bedside.fhir.definitions import definitions
from bedside.fhir.history.asked import COUNT_DEFAULT as VERSIONS_DEFAULT
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.query import COUNT_DEFAULT as MATCHES_DEFAULT
from bedside.gateway.federation.composing import COUNT_MAX, Composition
from bedside.gateway.federation.door import forbidden, permitted
from bedside.gateway.federation.links import selecting
from bedside.gateway.federation.ordering import NEWEST_VERSIONS_FIRST, ONE_AFTER_THE_OTHER, ordering_of
from bedside.gateway.owners import Owners
from bedside.gateway.ownership import SERVICES
from bedside.identity import Caller

Pair = tuple[str, str]
_COMPARTMENT = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})/\*", re.ASCII)

_EVERYTHING = re.compile(r"(Patient|Encounter)(/[A-Za-z0-9\-.]{1,64})?/\$everything", re.ASCII)
# A whole record in one page, unless it is very long.
_EVERYTHING_DEFAULT = COUNT_MAX


def place_of(method: str, path: str) -> str | None:
    """Where several types are asked for: nothing, `_history`, `Patient/p1/*`, `Patient/p1/$everything`.

    None of any other request.
    """
    if method == "POST" and path.endswith("_search"):
        place = path.removesuffix("_search").rstrip("/")
        inside = f"{place}/*" if place.count("/") == 1 else place
        return inside if inside == "" or _COMPARTMENT.fullmatch(inside) else None
    if method in ("GET", "HEAD", "POST") and _EVERYTHING.fullmatch(path):
        return path
    if method in ("GET", "HEAD") and (path in ("", "_history") or _COMPARTMENT.fullmatch(path)):
        return path
    return None


def planned(place: str, pairs: Sequence[Pair], caller: Caller, owners: Owners) -> Composition:
    """Refused with 403 when no type that could be found may be searched."""
    page = next((value for name, value in pairs if name == "_page"), None)
    if _EVERYTHING.fullmatch(place):
        return _everything(place, pairs, page, caller, owners)
    asked = [_sorted(pair) for pair in pairs if pair[0] != "_page"]
    is_history = place == "_history"
    by_owner = _by_owner(place, selecting(asked), caller, owners)
    if not by_owner:
        raise Refused(403, [Issue("forbidden", "The token's scopes do not allow a search of any type here.")])
    sort = next((value for name, value in asked if name == "_sort"), None)
    return Composition(
        kind="history" if is_history else "searchset",
        path=place,
        by_owner=by_owner,
        asked=asked,
        ordering=NEWEST_VERSIONS_FIRST if is_history else ordering_of(sort if len(by_owner) > 1 else None),
        count=_count(asked, VERSIONS_DEFAULT if is_history else MATCHES_DEFAULT),
        page=page,
        pretty=("_pretty", "true") in asked,
    )


def _everything(place: str, pairs: Sequence[Pair], page: str | None, caller: Caller, owners: Owners) -> Composition:
    """The record's own owner first; each owner's pages as they are, for it orders what it has in its own way."""
    type_name = place.partition("/")[0]
    if not permitted(caller, "GET", type_name, "id"):
        raise Refused(403, [forbidden(type_name)])
    asked = [pair for pair in pairs if pair[0] != "_page"]
    own = owners.owner_of(type_name)
    return Composition(
        kind="searchset",
        path=place,
        by_owner={each: selecting(asked) for each in sorted(SERVICES, key=lambda each: each != own)},
        asked=asked,
        ordering=ONE_AFTER_THE_OTHER,
        count=_count(asked, _EVERYTHING_DEFAULT) or _EVERYTHING_DEFAULT,
        page=page,
        pretty=("_pretty", "true") in asked,
        brings_directory=True,
    )


def argument_pairs(body: bytes) -> list[Pair]:
    """The simple arguments of a Parameters resource, as an address would hold them. Refused when it is none."""
    try:
        sent = orjson.loads(body) if body else {"parameter": []}
        given = sent.get("parameter", [])
        values = [(each["name"], next(each[key] for key in each if key.startswith("value"))) for each in given]
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, StopIteration) as problem:
        raise Refused(400, [Issue("structure", "send a Parameters resource with simple values")]) from problem
    return [(str(name), str(value)) for name, value in values]


def _by_owner(place: str, asked: Sequence[Pair], caller: Caller, owners: Owners) -> dict[str, list[Pair]]:
    compartment = _COMPARTMENT.fullmatch(place)
    named = [value for name, value in asked if name == "_type"]
    if len(named) == 1 and place != "_history":
        return _by_named(named[0].split(","), asked, owners)
    own = [pair for pair in asked if not _includes(pair)]
    return {
        service: own
        for service in SERVICES
        if any(
            permitted(caller, "GET", each, "")
            and (compartment is None or definitions().compartment_parameters(compartment[1], each))
            for each in owners.ownership.types_of(service)
        )
    }


def _by_named(type_names: Sequence[str], asked: Sequence[Pair], owners: Owners) -> dict[str, list[Pair]]:
    """By `_type`. A type that nobody owns goes to the first who is asked, who will refuse it."""
    known = [owners.owner_of(each) for each in type_names]
    first = next((owner for owner in known if owner is not None), SERVICES[0])
    found: dict[str, list[Pair]] = {}
    for service in SERVICES:
        names = [name for name, owner in zip(type_names, known, strict=True) if (owner or first) == service]
        if names:
            own = [pair for pair in asked if pair[0] != "_type" and not _includes(pair)]
            found[service] = [("_type", ",".join(names)), *own]
    return found


def _sorted(pair: Pair) -> Pair:
    """A link shows the types of `_type` as owners do, in one order."""
    return ("_type", ",".join(sorted(set(pair[1].split(","))))) if pair[0] == "_type" else pair


def _includes(pair: Pair) -> bool:
    return pair[0].partition(":")[0] in ("_include", "_revinclude")


def _count(asked: Sequence[Pair], default: int) -> int:
    """How many entries a page has. What is no number is the owners' to refuse."""
    if ("_summary", "count") in asked:
        return 0
    value = next((value for name, value in asked if name == "_count"), "")
    return min(int(value), COUNT_MAX) if value.isascii() and value.isdigit() and len(value) < 10 else default
