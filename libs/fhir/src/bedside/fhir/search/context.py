"""Where a search looks: in which types, and in whose compartment. http://hl7.org/fhir/R4/http.html#search"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from bedside.fhir.definitions import definitions
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.spelling import shown


class Owner(NamedTuple):
    """The resource whose compartment is searched: `Patient`, `p1`."""

    type_name: str
    id: str


@dataclass(frozen=True)
class Context:
    """`address` is what stands between the base and the `?`: `Patient`, `Patient/p1/Observation`, or nothing.

    `named` are the types of `_type`, where that was given. `type_names` has at least one.
    """

    type_names: tuple[str, ...]
    address: str
    compartment: Owner | None = None
    named: str | None = None

    @classmethod
    def of_type(cls, type_name: str) -> "Context":
        return cls((type_name,), type_name)


def of_types(
    address: str,
    pairs: list[tuple[str, str]],
    *,
    searchable: Collection[str],
    owned: Collection[str],
    compartment: Owner | None = None,
) -> tuple[Context, list[tuple[str, str]]]:
    """A search of many types, and its parameters without `_type`.

    Refused with 400 for a type that is not `owned`, with 403 for one that is not `searchable` by the caller.
    Without `_type` it is all that may be searched.
    """
    asked = [value for name, value in pairs if name == "_type"]
    rest = [pair for pair in pairs if pair[0] != "_type"]
    if not asked:
        found = [name for name in sorted(searchable) if _can_lie_in(compartment, name)]
        if not found:
            raise Refused(403, [Issue("forbidden", "no granted scope permits to search any type here")])
        return Context(tuple(found), address, compartment), rest
    # Repeated parameters must all hold, and no resource is of two types.
    if len(asked) > 1:
        raise Refused(400, [Issue("value", "Parameter _type is given more than once; list the types with commas")])
    names = tuple(sorted(set(asked[0].split(","))))
    for name in names:
        if name not in owned:
            raise Refused(400, [Issue("not-supported", f"Parameter _type: {shown(name)} is no type that is kept here")])
        if name not in searchable:
            raise Refused(403, [Issue("forbidden", f"no granted scope permits to search {name}")])
        if not _can_lie_in(compartment, name):
            raise Refused(400, [Issue("not-supported", f"Parameter _type: no {name} lies in such a compartment")])
    return Context(names, address, compartment, named=",".join(names)), rest


def _can_lie_in(compartment: Owner | None, type_name: str) -> bool:
    return compartment is None or bool(definitions().compartment_parameters(compartment.type_name, type_name))
