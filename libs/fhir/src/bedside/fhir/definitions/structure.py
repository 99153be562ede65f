"""A FHIR type and its elements, as its StructureDefinition tells them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["primitive-type", "complex-type", "backbone", "resource"]


@dataclass(frozen=True, slots=True)
class TypeChoice:
    """A type an element may have. `targets` are the types a Reference or canonical may point to; `Resource` is any."""

    code: str
    targets: tuple[str, ...] = ()
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """Where an element's codes come from. `value_set` has no version."""

    strength: Literal["required", "extensible"]
    value_set: str


@dataclass(frozen=True, slots=True)
class Element:
    """One element. `name` is as the definition spells it: `value[x]` where the type is part of the JSON name."""

    name: str
    types: tuple[TypeChoice, ...]
    required: bool
    repeats: bool
    binding: Binding | None
    invariants: tuple[str, ...]
    is_summary: bool
    is_modifier: bool

    def json_names(self) -> Iterator[tuple[str, TypeChoice]]:
        """The names it may have in JSON, each with the type that name means."""
        stem = self.name.removesuffix("[x]")
        for choice in self.types:
            is_choice = stem != self.name
            yield (stem + choice.code[0].upper() + choice.code[1:] if is_choice else stem), choice


@dataclass(frozen=True, slots=True)
class Structure:
    """A type. A backbone element is one too, named by its path: `Patient.contact`."""

    name: str
    kind: Kind
    base: str | None
    is_abstract: bool
    elements: Mapping[str, Element]
    invariants: tuple[str, ...]

    @classmethod
    def of(cls, name: str, told: Mapping[str, Any]) -> "Structure":
        """From the generated table."""
        return cls(
            name=name,
            kind=told["kind"],
            base=told.get("base"),
            is_abstract=told.get("abstract", False),
            elements={each: _element(each, element) for each, element in told.get("elements", {}).items()},
            invariants=tuple(told.get("invariants", ())),
        )


def _element(name: str, told: Mapping[str, Any]) -> Element:
    binding = told.get("binding")
    return Element(
        name=name,
        types=tuple(
            TypeChoice(each["code"], tuple(each.get("targets", ())), each.get("profile")) for each in told["types"]
        ),
        required=told.get("min", 0) > 0,
        repeats="max" in told,
        binding=Binding(binding["strength"], binding["valueSet"]) if binding else None,
        invariants=tuple(told.get("invariants", ())),
        is_summary=told.get("isSummary", False),
        is_modifier=told.get("isModifier", False),
    )
