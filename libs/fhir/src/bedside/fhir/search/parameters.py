"""Which parameters each type can be searched by here, and under which numbers their index rows stand."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from bedside.fhir.definitions import Component, Element, SearchParameter, definitions
from bedside.fhir.search.expressions import branches_for

_RESOLVES = re.compile(r"\.where\(resolve\(\) is (\w+)\)$")
KINDS = ("number", "date", "string", "token", "reference", "composite", "quantity", "uri")
# Parameters that are searched in a way of their own.
_OWN_KINDS = {"near": "near", "phonetic": "phonetic", "_text": "words", "_content": "words"}
# What R4 gives no expression for. https://hl7.org/fhir/R4/patient.html#search
_EXPRESSIONS = {"birthOrderBoolean": "Patient.multipleBirth.exists() and Patient.multipleBirth != false"}
_SEARCHED = frozenset({*KINDS, "near", "phonetic"})
# R4 misspells the address of the extension in the expression; what is sent has the one that the extension bears.
_ALSO = {"mothersMaidenName": "Patient.extension('http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName')"}
# R4's other parameters, and why they are not answered.
REFUSED = {
    "age": "it would change from day to day within one search; ask by birthdate instead",
}
# Answered by the columns of the version itself.
WITHOUT_ROWS = frozenset({"_id", "_lastUpdated"})

_WITHOUT_TEXT = frozenset({"boolean", "code", "string", "id", "uri", "ContactPoint"})

# R4 lists the components of this one in the wrong order: `code` is the relation, `target` the document.
# https://hl7.org/fhir/R4/documentreference.html#search
_TURNED = "http://hl7.org/fhir/SearchParameter/DocumentReference-relationship"


@dataclass(frozen=True)
class Parameter:
    """`kind` is its type, or one of its own where it is searched in a way of its own: `near`, `phonetic`, `words`.

    `sps` are its own number or, where other parameters' rows already say the same, theirs."""

    type_name: str
    code: str
    kind: str
    expression: str
    targets: tuple[str, ...]
    components: tuple["Part", ...]
    sps: tuple[int, ...]

    @property
    def is_indexed(self) -> bool:
        """Whether it has rows of its own."""
        return (
            self.kind != "words"
            and self.code not in WITHOUT_ROWS
            and self.sps == (definitions().sp(self.type_name, self.code),)
        )

    @property
    def is_by_patient(self) -> bool:
        """Whether its tokens are also kept by patient. What names one resource anyway is not."""
        return self.kind == "token" and not self.code.startswith("_") and self.code != "identifier"

    @property
    def is_identifier(self) -> bool:
        """Whether it finds identifiers, which have a type and a value."""
        return self.kind == "token" and "Identifier" in _found_types(self.type_name, self.expression)

    @property
    def is_canonical(self) -> bool:
        """Whether it finds references by canonical URL (`http://x.org/Questionnaire/q|2`), perhaps among others."""
        return self.kind == "reference" and "canonical" in _found_types(self.type_name, self.expression)

    @property
    def has_text(self) -> bool:
        """Whether words may stand beside its codes."""
        found = _found_types(self.type_name, self.expression)
        return self.kind == "token" and (not found or not found <= _WITHOUT_TEXT)

    @property
    def implied_systems(self) -> frozenset[str]:
        """Where all it finds are elements of type code: the systems that these codes are of."""
        return _implied_systems(self.type_name, self.expression)


@dataclass(frozen=True)
class Part:
    """A component of a composite."""

    code: str
    kind: str
    expression: str


@cache
def parameters(type_name: str) -> Mapping[str, Parameter]:
    """By code. KeyError for an unknown type."""
    told = {code: _completed(each) for code, each in definitions().search_parameters(type_name).items()}
    known = {
        code: each
        for code, each in told.items()
        if each.type == "words" or (each.type in _SEARCHED and branches_for(type_name, each.expression or ""))
    }
    signatures = {code: _signature(type_name, told, known) for code, told in known.items()}
    return {code: _parameter(type_name, told, known, signatures) for code, told in known.items()}


def _completed(told: SearchParameter) -> SearchParameter:
    """With the kind and the expression that we search it by."""
    expression = told.expression or _EXPRESSIONS.get(told.code)
    if expression and told.code in _ALSO:
        expression = f"{expression} | {_ALSO[told.code]}"
    return replace(told, type=_OWN_KINDS.get(told.code, told.type), expression=expression)


# What decides the rows: the kind (and parts) of a parameter, and the branches of its expression.
_Signature = tuple[tuple[str, ...], frozenset[str]]


def _signature(type_name: str, told: SearchParameter, known: Mapping[str, SearchParameter]) -> _Signature:
    parts = tuple(f"{part.kind} {part.expression}" for part in _parts(told, known))
    return (told.type, *parts), frozenset(branches_for(type_name, told.expression or ""))


def _parameter(
    type_name: str,
    told: SearchParameter,
    known: Mapping[str, SearchParameter],
    signatures: Mapping[str, _Signature],
) -> Parameter:
    codes = _serving(told.code, signatures)
    return Parameter(
        type_name=type_name,
        code=told.code,
        kind=told.type,
        expression=told.expression or "",
        targets=_targets(type_name, told),
        components=_parts(told, known),
        sps=tuple(definitions().sp(type_name, code) for code in codes),
    )


def _serving(code: str, signatures: Mapping[str, _Signature]) -> tuple[str, ...]:
    """The parameters whose rows together are this one's: `combo-code` is `code` and `component-code`."""
    kind, wanted = signatures[code]
    if code in WITHOUT_ROWS:
        return (code,)
    same = [other for other, signature in signatures.items() if signature == (kind, wanted)]
    if same[0] != code:
        return _serving(same[0], signatures)
    smaller = [other for other, (other_kind, held) in signatures.items() if other_kind == kind and held < wanted]
    chosen: list[str] = []
    covered: frozenset[str] = frozenset()
    for other in sorted(smaller, key=lambda each: (-len(signatures[each][1]), each)):
        if not signatures[other][1] <= covered and other not in WITHOUT_ROWS:
            chosen.append(other)
            covered |= signatures[other][1]
    if covered != wanted:
        return (code,)
    return tuple(dict.fromkeys(each for other in chosen for each in _serving(other, signatures)))


def _parts(told: SearchParameter, known: Mapping[str, SearchParameter]) -> tuple[Part, ...]:
    if told.type != "composite":
        return ()
    parts = [Part(part.code, _kind(part, known), part.expression) for part in told.components]
    if told.url == _TURNED:
        (first, second) = parts
        parts = [Part(second.code, second.kind, first.expression), Part(first.code, first.kind, second.expression)]
    return tuple(parts)


def _kind(part: Component, known: Mapping[str, SearchParameter]) -> str:
    return known[part.code].type if part.code in known else "token"


def _targets(type_name: str, told: SearchParameter) -> tuple[str, ...]:
    """What it can refer to in this type: several types may share a parameter, and each allows less."""
    if told.type != "reference":
        return ()
    every = definitions().resource_types
    found: set[str] = set()
    for branch in branches_for(type_name, told.expression or ""):
        narrowed = _RESOLVES.search(branch)
        element = None if narrowed else _element(branch)
        if narrowed:
            found.add(narrowed[1])
        elif element and (allowed := [choice for choice in element.types if choice.targets]):
            found |= {target for choice in allowed for target in choice.targets}
        else:
            found |= set(told.targets)
    return every if "Resource" in found else tuple(name for name in every if name in found)


@cache
def _implied_systems(type_name: str, expression: str) -> frozenset[str]:
    found: set[str] = set()
    for branch in branches_for(type_name, expression):
        element = _element(branch)
        if element is None or element.types[0].code != "code" or element.binding is None:
            return frozenset()
        if definitions().is_listed(element.binding.value_set):
            found |= {system for system, _ in definitions().codings(element.binding.value_set)}
    return frozenset(found)


@cache
def _found_types(type_name: str, expression: str) -> frozenset[str]:
    """Of the elements it finds. What no plain path leads to is left out."""
    elements = [_element(branch) for branch in branches_for(type_name, expression)]
    return frozenset(choice.code for element in elements if element is not None for choice in element.types)


def _element(branch: str) -> Element | None:
    """The element a plain path leads to."""
    names = branch.split(".")
    if not all(name.isalnum() for name in names):
        return None
    known = definitions()
    structure = known.type(names[0])
    for place, name in enumerate(names[1:], start=2):
        element = structure.elements.get(name)
        if element is None or place == len(names):
            return element
        try:
            code = element.types[0].code
            backbone = code in ("BackboneElement", "Element")
            structure = known.type(f"{structure.name}.{name}" if backbone else code)
        except KeyError:
            return None
    return None
