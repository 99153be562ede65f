"""Looking things up in the definitions. Each table is read when it is first asked for."""

from collections.abc import Collection, Mapping
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any

from bedside.fhir.definitions.search_parameter import Component, SearchParameter
from bedside.fhir.definitions.structure import Structure
from bedside.fhir.definitions.tables import table

_NO_PARAMETERS: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@cache
def definitions() -> "Definitions":
    """The one instance: it never changes."""
    return Definitions()


class Definitions:
    """R4 4.0.1. Unknown names raise KeyError, except where a method says otherwise."""

    def __init__(self) -> None:
        self._structures: dict[str, Structure] = {}
        self._parameters: dict[str, Mapping[str, SearchParameter]] = {}

    @cached_property
    def resource_types(self) -> tuple[str, ...]:
        """All types a resource can have, sorted. The numbers of `type_id` count along this list."""
        return tuple(sorted(self._numbers))

    @cached_property
    def resource_type_set(self) -> frozenset[str]:
        """`resource_types`, for asking whether one is among them."""
        return frozenset(self.resource_types)

    @cached_property
    def type_names(self) -> frozenset[str]:
        """Everything `type` knows: resources, data types, primitives and backbone elements."""
        return frozenset(self._types)

    def type_id(self, type_name: str) -> int:
        """The number that stands for this resource type in every database, for good."""
        return self._type_ids[type_name]

    def type_name(self, type_id: int) -> str:
        """The resource type of a `type_id`."""
        if type_id < 1:
            raise KeyError(type_id)
        return self.resource_types[type_id - 1]

    def sp(self, type_name: str, code: str) -> int:
        """The number that stands for this search parameter of this type in every database, for good."""
        return self._numbers[type_name][code]

    def type(self, name: str) -> Structure:
        """A resource type, data type, or backbone element by its path."""
        known = self._structures.get(name)
        if known is None:
            known = self._structures[name] = Structure.of(name, self._types[name])
        return known

    def search_parameters(self, type_name: str) -> Mapping[str, SearchParameter]:
        """By code; those of Resource and DomainResource included."""
        known = self._parameters.get(type_name)
        if known is None:
            known = self._parameters[type_name] = MappingProxyType(self._read_parameters(type_name))
        return known

    def compartment_parameters(self, compartment: str, type_name: str) -> tuple[str, ...]:
        """The codes of the parameters that put a resource of this type into the compartment; empty when none do."""
        return self._compartments.get(compartment, _NO_PARAMETERS).get(type_name, ())

    @property
    def compartments(self) -> Collection[str]:
        """The types whose resources have a compartment."""
        return self._compartments.keys()

    def codes(self, value_set: str) -> frozenset[str]:
        """The codes of a value set that some element must use. KeyError when it cannot be listed, as MIME types."""
        return frozenset(code for codes in self._codes[value_set].values() for code in codes)

    def codings(self, value_set: str) -> frozenset[tuple[str, str]]:
        """As `codes`, with the code's system first."""
        return frozenset((system, code) for system, codes in self._codes[value_set].items() for code in codes)

    def invariant_text(self, key: str) -> str:
        """What the invariant demands, in the words of R4. A key that R4 gave twice begins with a path."""
        return self._invariants[key]

    @property
    def invariant_keys(self) -> Collection[str]:
        """The keys of every invariant whose breach is an error."""
        return self._invariants.keys()

    def is_listed(self, value_set: str) -> bool:
        """Whether `codes` knows it."""
        return value_set in self._codes

    def reference_targets(self) -> Mapping[str, tuple[str, ...]]:
        """By element path as `Observation.subject`, where its references may point; empty, or `Resource`, is any."""
        return self._reference_targets

    @cached_property
    def _reference_targets(self) -> Mapping[str, tuple[str, ...]]:
        return MappingProxyType(
            {
                f"{name}.{element}": tuple(choice.get("targets", ()))
                for name, structure in self._types.items()
                for element, told in structure.get("elements", {}).items()
                for choice in told["types"]
                if choice["code"] == "Reference"
            }
        )

    @cached_property
    def _types(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = table("types")
        return found

    @cached_property
    def _numbers(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = table("search_numbers")
        return found

    @cached_property
    def _type_ids(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.resource_types, start=1)}

    @cached_property
    def _compartments(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        return {
            compartment: {type_name: tuple(codes) for type_name, codes in types.items()}
            for compartment, types in table("compartments").items()
        }

    @cached_property
    def _invariants(self) -> dict[str, str]:
        found: dict[str, str] = table("invariants")
        return found

    @cached_property
    def _codes(self) -> dict[str, dict[str, list[str]]]:
        found: dict[str, dict[str, list[str]]] = table("codes")
        return found

    @cached_property
    def _parameters_by_base(self) -> dict[str, list[dict[str, Any]]]:
        by_base: dict[str, list[dict[str, Any]]] = {}
        for parameter in table("search_parameters"):
            for base in parameter["base"]:
                by_base.setdefault(base, []).append(parameter)
        return by_base

    def _read_parameters(self, type_name: str) -> dict[str, SearchParameter]:
        bases = ("Resource", self._types[type_name].get("base"), type_name)
        told = [each for base in dict.fromkeys(bases) for each in self._parameters_by_base.get(str(base), ())]
        code_of = {each["url"]: each["code"] for each in told}
        return {each["code"]: _search_parameter(each, code_of) for each in sorted(told, key=lambda each: each["code"])}


def _search_parameter(told: Mapping[str, Any], code_of: Mapping[str, str]) -> SearchParameter:
    return SearchParameter(
        code=told["code"],
        type=told["type"],
        expression=told.get("expression"),
        targets=tuple(told.get("target", ())),
        components=tuple(
            # A component may be defined for another type only: its own name is then the last word of its URL.
            Component(code_of.get(part["url"]) or part["url"].rpartition("-")[2], part["url"], part["expression"])
            for part in told.get("component", ())
        ),
        url=told["url"],
    )
