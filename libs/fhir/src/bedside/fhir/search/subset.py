"""Parts of a resource instead of the whole: `_summary` and `_elements`. http://hl7.org/fhir/R4/search.html#summary

What must be there (R4's mandatory elements) and what changes the meaning of the rest (its modifiers) always stays;
`_elements=id` alone is the exception: it names resources, and shows nothing of them.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal

import orjson

from bedside.fhir import exact_json
from bedside.fhir.definitions import Element, definitions
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.spelling import shown
from bedside.fhir.store import instants

ELEMENTS_MAX = 100
Kind = Literal["true", "text", "data", "elements"]
_KINDS: tuple[Kind, ...] = ("true", "text", "data")
_ALWAYS = ("resourceType", "id", "meta")
# https://terminology.hl7.org/CodeSystem-v3-ObservationValue.html
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}


@dataclass(frozen=True)
class Subset:
    """`elements` are the names asked for, without `[x]`, when `kind` says so."""

    kind: Kind
    elements: frozenset[str] = frozenset()

    @property
    def is_id_alone(self) -> bool:
        """Then there is nothing to show that needs the body."""
        return self.elements == {"id"}

    def of(self, resource: dict[str, Any]) -> dict[str, Any]:
        """The parts of a valid resource, marked as SUBSETTED. The resource itself is left as it is."""
        type_name = resource["resourceType"]
        if self.is_id_alone:
            meta = _only(resource.get("meta", {}), ("versionId", "lastUpdated"))
            return _marked({**_only(resource, ("resourceType", "id")), "meta": meta})
        if self.kind == "true":
            return _marked({**_only(resource, _ALWAYS), **_summary(resource, type_name)})
        return _marked(_only(resource, _names(type_name, self)))

    def shown(self, body: bytes) -> bytes:
        """As `of`, from and to the bytes of a resource; decimals keep their digits."""
        return exact_json.emit(self.of(exact_json.parse(body)))


def asked(pairs: Iterable[tuple[str, str]], type_name: str) -> Subset | None:
    """What the query of a read asks for: None for the whole. Other parameters are not looked at.

    Refused when it cannot be understood, or for `_summary=count`: one resource is not counted.
    """
    found: list[Subset | None] = []
    for name, value in pairs:
        if name == "_summary":
            if value == "count":
                raise Refused(400, [Issue("not-supported", "Parameter _summary: one resource is not counted")])
            found.append(summary_of(value))
        elif name == "_elements":
            found.append(elements_of((type_name,), value))
    wanted = [each for each in found if each is not None]
    if len(found) > 1:
        raise Refused(400, [Issue("value", "Parameters _summary and _elements exclude each other, and come once")])
    return wanted[0] if wanted else None


def summary_of(value: str) -> Subset | None:
    """None for `false`: the whole. Refused for `count` too, which is no subset."""
    if value == "false":
        return None
    for kind in _KINDS:
        if value == kind:
            return Subset(kind)
    raise Refused(400, [Issue("value", "Parameter _summary is true, text, data, count or false")])


def elements_of(type_names: Sequence[str], value: str) -> Subset:
    """`birthDate,value[x]`. Refused for what is an element of none of the types."""
    names = frozenset(name.strip().removesuffix("[x]") for name in value.split(","))
    if len(names) > ELEMENTS_MAX:
        raise Refused(400, [Issue("too-costly", f"Parameter _elements takes at most {ELEMENTS_MAX} elements")])
    known = {name for type_name in type_names for name in _element_names(type_name)}
    # Some clients name what is always there.
    for name in sorted(names - known - set(_ALWAYS)):
        raise Refused(400, [Issue("value", f"Parameter _elements: {shown(name)} is no element at the root")])
    return Subset("elements", names)


def is_element(type_name: str, name: str) -> bool:
    """Whether the type has such an element at its root; with an empty type, whether any type has."""
    asked_of = (type_name,) if type_name else definitions().resource_types
    return any(name.removesuffix("[x]") in _element_names(each) for each in asked_of)


def of_elements(type_name: str, names: Iterable[str]) -> Subset | None:
    """Those of the names that are elements of this type; None when no names are given: the whole."""
    given = {name.removesuffix("[x]") for name in names}
    return Subset("elements", frozenset(given & _element_names(type_name))) if given else None


@cache
def _element_names(type_name: str) -> frozenset[str]:
    elements = definitions().type(type_name).elements.values()
    stems = {element.name.removesuffix("[x]") for element in elements}
    return frozenset(stems | {json_name for element in elements for json_name, _ in element.json_names()})


@lru_cache(maxsize=1024)
def _names(type_name: str, subset: Subset) -> frozenset[str]:
    """The JSON names that stay at the root."""
    elements = definitions().type(type_name).elements.values()
    named = ((json_name, element) for element in elements for json_name, _ in element.json_names())
    return frozenset(_ALWAYS) | {json_name for json_name, element in named if _stays(element, json_name, subset)}


def _stays(element: Element, json_name: str, subset: Subset) -> bool:
    if subset.kind == "data":
        return element.name != "text"
    if element.required:
        return True
    if subset.kind == "text":
        return element.name == "text"
    asked_for = element.name.removesuffix("[x]") in subset.elements or json_name in subset.elements
    return asked_for or element.is_modifier


def _only(value: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """With what belongs to a primitive: the extensions of `birthDate` stand in `_birthDate`."""
    return {name: held for name, held in value.items() if name.removeprefix("_") in names}


@cache
def _summarised(name: str) -> dict[str, str | None]:
    """The JSON names that stay in a summary of a type; those whose parts are chosen too with the type of these."""
    return {
        json_name: choice.code if "." in choice.code else None
        for element in definitions().type(name).elements.values()
        if element.is_summary or element.required or element.is_modifier
        for json_name, choice in element.json_names()
    }


def _summary(value: dict[str, Any], name: str) -> dict[str, Any]:
    """Data types stay whole; of backbone elements stay the parts that are of the summary."""
    names = _summarised(name)
    kept: dict[str, Any] = {}
    for json_name, held in _only(value, names).items():
        within = names[json_name.removeprefix("_")]
        part = held if within is None else _summaries(held, within)
        if within is None or part:
            kept[json_name] = part
    return kept


def _summaries(held: Any, name: str) -> Any:
    if isinstance(held, list):
        return [part for part in (_summary(each, name) for each in held) if part]
    return _summary(held, name)


def named(type_name: str, id: str, version: int, updated: int) -> bytes:
    """What `_elements=id` shows, from what the store knows without the body. `updated` is microseconds UTC."""
    meta = {"versionId": str(version), "lastUpdated": instants.shown(updated), "tag": [SUBSETTED]}
    return orjson.dumps({"resourceType": type_name, "id": id, "meta": meta})


def _marked(kept: dict[str, Any]) -> dict[str, Any]:
    meta = kept.get("meta", {})
    tags = meta.get("tag", [])
    if not any(tag.get("system") == SUBSETTED["system"] and tag.get("code") == SUBSETTED["code"] for tag in tags):
        meta = {**meta, "tag": [*tags, SUBSETTED]}
    return {**kept, "meta": meta}
