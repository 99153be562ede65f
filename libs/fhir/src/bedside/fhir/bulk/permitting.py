"""What of an export a caller's scopes reach."""

from collections.abc import Iterable
from dataclasses import replace

from bedside.fhir.bulk.asked import Export
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.purview import Purview


def is_open(purview: Purview, type_name: str) -> bool:
    """Whether there is anything of the type that could be exported: found, and read."""
    return purview.permits("s", type_name) and purview.permits("r", type_name)


def types_named(pairs: Iterable[tuple[str, str]]) -> frozenset[str]:
    return frozenset(each for name, value in pairs if name == "_type" for each in value.split(","))


def permitted(export: Export, purview: Purview, *, named: frozenset[str]) -> Export:
    """What was asked for by name must be permitted (403); of all the rest, what is."""
    open_to_caller = tuple(each for each in export.types if is_open(purview, each))
    closed = sorted(named & (set(export.types) - set(open_to_caller)))
    if closed or (export.types and not open_to_caller):
        raise Refused(403, [Issue("forbidden", f"no granted scope permits to export {', '.join(closed) or 'this'}")])
    return replace(export, types=open_to_caller)
