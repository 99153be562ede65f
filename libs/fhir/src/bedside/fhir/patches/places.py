"""Where a FHIRPath leads in a resource: the small part of the language that names places to change.

Elements, indexes, `where(element = 'value')`, `first()`, `last()` and `extension('url')`, joined by dots.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bedside.fhir.definitions import Element, Structure, definitions
from bedside.fhir.patches.patch import inapplicable, malformed

_STEP = re.compile(
    r"(?:where\(\s*(?P<element>[a-zA-Z]\w*)\s*=\s*(?P<value>'(?:[^'\\]|\\.)*'|true|false|-?\d+(?:\.\d+)?)\s*\)"
    r"|extension\(\s*'(?P<url>[^']*)'\s*\)|(?P<end>first|last)\(\)|(?P<name>[a-zA-Z]\w*))(?P<index>(?:\[\d{1,6}\])?)",
    re.ASCII,
)
_PATH_CHARACTERS_MAX = 1000
# What the server alone says of a resource.
_OURS = frozenset({"id", "resourceType"})


@dataclass(frozen=True, slots=True)
class Place:
    """One element: `holder[name]`, or `holder[name][index]`. The resource itself has no holder. `structure` is the type
    of an object that lies here, None for a primitive; `element` how its holder's type declares it."""

    content: Any
    structure: Structure | None
    holder: dict[str, Any] | None = None
    name: str = ""
    index: int | None = None
    element: Element | None = None

    def add(self, name: str, suffix: str, content: Any, at: str) -> None:
        """A new element of this one: at the end of its list, where the element repeats."""
        if self.structure is None or not isinstance(self.content, dict):
            raise inapplicable("the path leads to a value that has no elements", at)
        element = _declared(self.structure, name)
        if element is None:
            raise inapplicable("the element to add is not one of this type", at)
        json_name = _json_name(element, suffix, at)
        self._refuse_ours(self.content, json_name, at)
        if element.repeats:
            self.content.setdefault(json_name, []).append(content)
            beside = self.content.get(f"_{json_name}")
            if isinstance(beside, list):
                beside.append(None)
        elif any(each in self.content for each, _ in element.json_names()):
            raise inapplicable("the element is there already; replace it", at)
        else:
            self.content[json_name] = content

    def replace(self, suffix: str, content: Any, at: str) -> None:
        """Other content in the same place. A choice may change its type."""
        if self.holder is None or self.element is None:
            raise inapplicable("the resource itself is not replaced by a patch", at)
        self._refuse_ours(self.holder, self.name, at)
        if self.index is not None:
            self.holder[self.name][self.index] = content
            return
        json_name = _json_name(self.element, suffix, at)
        if json_name != self.name:
            self.remove(at)
        self.holder[json_name] = content

    def remove(self, at: str) -> None:
        """Takes it out, and what stands beside it in `_name`."""
        if self.holder is None:
            raise inapplicable("the resource itself is not removed by a patch", at)
        self._refuse_ours(self.holder, self.name, at)
        for name in (self.name, f"_{self.name}"):
            held = self.holder.get(name)
            if self.index is not None and isinstance(held, list) and self.index < len(held):
                del held[self.index]
            elif self.index is None:
                self.holder.pop(name, None)
            if held == []:
                del self.holder[name]

    def list_named(self, name: str, at: str) -> tuple[list[Any], list[Any] | None]:
        """The list `name` of this element, and the one beside it in `_name`."""
        element = _declared(self.structure, name) if self.structure else None
        if element is None or not element.repeats or not isinstance(self.content, dict):
            raise inapplicable("the path leads to no list", at)
        items = self.content.setdefault(name, [])
        beside = self.content.get(f"_{name}")
        return items, beside if isinstance(beside, list) else None

    def _refuse_ours(self, holder: dict[str, Any], name: str, at: str) -> None:
        if "resourceType" in holder and name in _OURS:
            raise inapplicable("a patch does not change which resource this is", at)


def root_place(resource: dict[str, Any]) -> Place:
    return Place(resource, definitions().type(resource["resourceType"]))


def split_last(path: str, at: str) -> tuple[str, str]:
    """`Patient.contact[0]` and `telecom` of `Patient.contact[0].telecom`."""
    before, _, name = path.rpartition(".")
    if not name.isalnum():
        raise malformed("the path of a list ends with its name", at)
    return before, name


def places(resource: dict[str, Any], path: str, at: str) -> list[Place]:
    """All that the path leads to. Refused with 400 when it says more than we understand."""
    steps = list(_steps(path, at))
    found = [root_place(resource)]
    if steps and steps[0]["name"] == resource["resourceType"] and not steps[0]["index"]:
        steps = steps[1:]
    for step in steps:
        found = _followed(found, step)
    return found


def _steps(path: str, at: str) -> Iterator[re.Match[str]]:
    if len(path) > _PATH_CHARACTERS_MAX:
        raise malformed(f"a path has at most {_PATH_CHARACTERS_MAX} characters", at)
    place = 0
    while place < len(path):
        step = _STEP.match(path, place)
        if step is None or (step.end() < len(path) and path[step.end()] != ".") or step.end() == len(path) - 1:
            known = "elements, [n], where(element = 'value'), first(), last() and extension('url')"
            raise malformed(f"the path is not understood: known are {known}", at)
        yield step
        place = step.end() + 1


def _followed(found: list[Place], step: re.Match[str]) -> list[Place]:
    if step["name"]:
        reached = [inner for place in found for inner in _children(place, step["name"])]
    elif step["url"] is not None:
        reached = [
            inner
            for place in found
            for inner in _children(place, "extension")
            if isinstance(inner.content, dict) and inner.content.get("url") == step["url"]
        ]
    elif step["end"]:
        reached = found[:1] if step["end"] == "first" else found[-1:]
    else:
        wanted = _literal(step["value"])
        reached = [
            place for place in found if any(each.content == wanted for each in _children(place, step["element"]))
        ]
    if step["index"]:
        index = int(step["index"][1:-1])
        return reached[index : index + 1]
    return reached


def _literal(text: str) -> Any:
    if text.startswith("'"):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    if text in ("true", "false"):
        return text == "true"
    return Decimal(text)


def _children(place: Place, name: str) -> Iterator[Place]:
    if place.structure is None or not isinstance(place.content, dict):
        return
    element = _declared(place.structure, name)
    if element is None:
        return
    for json_name, choice in element.json_names():
        held = place.content.get(json_name)
        if held is None:
            continue
        structure = _structure(choice.code)
        if isinstance(held, list):
            for index, content in enumerate(held):
                yield Place(content, _structure_of(content, structure), place.content, json_name, index, element)
        else:
            yield Place(held, _structure_of(held, structure), place.content, json_name, None, element)


def _structure(code: str) -> Structure | None:
    known = definitions()
    structure = known.type(code) if code in known.type_names else None
    return None if structure is None or structure.kind == "primitive-type" else structure


def _structure_of(content: Any, declared: Structure | None) -> Structure | None:
    """A contained resource says itself what it is."""
    if isinstance(content, dict) and content.get("resourceType") in definitions().resource_type_set:
        return definitions().type(content["resourceType"])
    return declared


def _declared(structure: Structure, name: str) -> Element | None:
    return structure.elements.get(name) or structure.elements.get(f"{name}[x]")


def _json_name(element: Element, suffix: str, at: str) -> str:
    stem = element.name.removesuffix("[x]")
    if stem == element.name:
        return stem
    json_name = stem + suffix
    if json_name not in {each for each, _ in element.json_names()}:
        raise inapplicable("the element does not take a value of this type", at)
    return json_name
