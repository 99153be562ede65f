"""The FHIRPath of search parameters, compiled to closures over JSON.

Only the constructs that R4's parameters use are understood: paths, unions, `as`, `ofType`, `where`, `extension`,
`hasExtension`, an index, and one boolean form. http://hl7.org/fhir/R4/searchparameter-registry.html
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

Nodes = list[Any]
Step = Callable[[Nodes, dict[str, Any]], Nodes]
# From a resource (or, in a composite, one element of it) and the resource it stands in, to the values found.
Extract = Callable[[Any, dict[str, Any]], Nodes]

# Where an expression names a choice element without saying which type, the kind of parameter says what can be meant.
_CHOICES: dict[str, tuple[str, ...]] = {
    "date": ("DateTime", "Period", "Date", "Instant", "Timing"),
    "token": ("CodeableConcept", "Coding", "Boolean", "Code", "String", "Identifier"),
    "reference": ("Reference", "Canonical", "Uri"),
    "quantity": ("Quantity", "Range", "Age", "Duration", "SampledData", "Money"),
    "string": ("String",),
    "uri": ("Uri", "Url", "Canonical"),
    "number": ("Integer", "Decimal", "PositiveInt", "UnsignedInt", "Range"),
}

_LEADING_AS = re.compile(r"^\(([\w.]+) as (\w+)\)")
_TYPED = re.compile(r"\.(?:as|ofType)\((\w+)\)")
_BOOLEAN = re.compile(r"^([\w.]+)\.exists\(\) and \1 != false$")
_PART = re.compile(r"\w+(?:\((?:[^()']|'[^']*'|\((?:[^()']|'[^']*')*\))*\))?(?:\[\d+\])?")
_RESOLVES = re.compile(r"^where\(resolve\(\) is (\w+)\)$")
_EQUALS = re.compile(r"^where\((\w+)\s*=\s*'([^']*)'\)$")
_HAS_EXTENSION = re.compile(r"^where\(hasExtension\('([^']*)'\)\)$")
_EXTENSION = re.compile(r"^extension\('([^']*)'\)$")
_INDEXED = re.compile(r"^(\w+)\[(\d+)\]$")
_ROOTS = ("Resource", "DomainResource")


def branches(expression: str) -> tuple[str, ...]:
    """The parts of a union, without the parentheses around a whole part."""
    parts: list[str] = []
    depth = start = 0
    quoted = False
    for place, character in enumerate(expression):
        if character == "'":
            quoted = not quoted
        elif not quoted and character in "()":
            depth += 1 if character == "(" else -1
        elif character == "|" and depth == 0 and not quoted:
            parts.append(expression[start:place])
            start = place + 1
    parts.append(expression[start:])
    return tuple(part.strip() for part in parts)


def branches_for(type_name: str, expression: str) -> tuple[str, ...]:
    """Those parts of the union that can find something in a resource of this type."""
    kept = []
    for branch in branches(expression):
        root = re.match(r"\(?(\w+)", branch)
        if root and root[1] in (type_name, *_ROOTS):
            kept.append(branch)
    return tuple(kept)


@lru_cache(maxsize=8192)
def compiled(type_name: str, expression: str, kind: str) -> Extract:
    """`kind` is the type of the search parameter."""
    return _union([compiled_branch(branch, kind) for branch in branches_for(type_name, expression)])


@lru_cache(maxsize=8192)
def compiled_branch(branch: str, kind: str) -> Extract:
    """One part of a union, from the root of its resource."""
    return _branch(branch, kind, rooted=True)


def first_names(branch: str, kind: str) -> tuple[str, ...]:
    """The JSON names, one of which must be there for the branch to find anything. Empty when any resource may do."""
    if _BOOLEAN.match(branch):
        return ()
    names = _names(branch)[1:]
    if not names or not names[0].isalpha():
        return ()
    return _json_names(names[0], kind if len(names) == 1 else None)


@lru_cache(maxsize=256)
def compiled_within(expression: str, kind: str) -> Extract:
    """For the components of a composite: relative to the element the composite speaks of."""
    return _union([_branch(branch, kind, rooted=False) for branch in branches(expression)])


def _union(parts: list[Extract]) -> Extract:
    if len(parts) == 1:
        return parts[0]

    def union(node: Any, resource: dict[str, Any]) -> Nodes:
        found: Nodes = []
        for part in parts:
            found += part(node, resource)
        return found

    return union


def _branch(branch: str, kind: str, *, rooted: bool) -> Extract:
    boolean = _BOOLEAN.match(branch)
    if boolean:
        return _is_true(boolean[1])
    names = _names(branch)[1:] if rooted else _names(branch)
    if not names:
        return lambda node, resource: [node]
    last = len(names) - 1
    steps = [_step(name, kind if place == last else None) for place, name in enumerate(names)]
    if len(steps) == 1:
        only = steps[0]
        return lambda node, resource: only([node], resource)

    def walk(node: Any, resource: dict[str, Any]) -> Nodes:
        nodes = [node]
        for step in steps:
            nodes = step(nodes, resource)
            if not nodes:
                return nodes
        return nodes

    return walk


def _names(branch: str) -> list[str]:
    """The steps of a path, the root among them; a type that is named is part of the element's name, as in JSON."""
    path = _LEADING_AS.sub(lambda found: f"{found[1]}{_suffix(found[2])}", branch)
    return _PART.findall(_TYPED.sub(lambda found: _suffix(found[1]), path))


def _suffix(type_name: str) -> str:
    return type_name[0].upper() + type_name[1:]


def _is_true(path: str) -> Extract:
    """`X.exists() and X != false`, for a choice of boolean or something else: absent is false."""
    element = path.rpartition(".")[2]
    flag = f"{element}Boolean"
    when, which = f"{element}DateTime", f"{element}Integer"

    def is_true(node: Any, resource: dict[str, Any]) -> Nodes:
        return [when in node or which in node or node.get(flag) is True]

    return is_true


def _step(name: str, kind: str | None) -> Step:
    if found := _RESOLVES.match(name):
        return _resolves_to(found[1])
    if found := _EQUALS.match(name):
        return _where_equal(found[1], found[2])
    if found := _HAS_EXTENSION.match(name):
        return _where_extended(found[1])
    if found := _EXTENSION.match(name):
        return _extension_values(found[1])
    if found := _INDEXED.match(name):
        child, place = _child((found[1],)), int(found[2])
        return lambda nodes, resource: child(nodes, resource)[place : place + 1]
    if not re.fullmatch(r"\w+", name):
        raise ValueError(f"search expressions have a construct we do not know: {name}")
    return _child(_json_names(name, kind))


def _json_names(name: str, kind: str | None) -> tuple[str, ...]:
    """The last step (which has a kind) may be a choice element. `valueQuantity`, from an `as`, is what it says."""
    choices = _CHOICES.get(kind or "", ())
    if any(name.endswith(choice) for choice in choices):
        choices = ()
    return (name, *(name + choice for choice in choices))


def _child(names: tuple[str, ...]) -> Step:
    def child(nodes: Nodes, resource: dict[str, Any]) -> Nodes:
        found: Nodes = []
        for node in nodes:
            if type(node) is not dict:
                continue
            for name in names:
                value = node.get(name)
                if value is None:
                    continue
                if type(value) is list:
                    found += [item for item in value if item is not None]
                else:
                    found.append(value)
                break
        return found

    return child


def type_of_reference(reference: Any, resource: dict[str, Any]) -> str | None:
    """What `resolve() is T` would see: read off the reference, its `type`, or the contained resource."""
    if type(reference) is not dict:
        return None
    text = reference.get("reference")
    if isinstance(text, str):
        if text.startswith("#"):
            for contained in resource.get("contained", ()):
                if contained.get("id") == text[1:]:
                    return contained.get("resourceType")  # type: ignore[no-any-return]
            return None
        parts = text.partition("/_history/")[0].rsplit("/", 2)
        if len(parts) > 1:
            return str(parts[-2])
    declared = reference.get("type")
    return declared if isinstance(declared, str) else None


def _resolves_to(type_name: str) -> Step:
    return lambda nodes, resource: [node for node in nodes if type_of_reference(node, resource) == type_name]


def _where_equal(element: str, value: str) -> Step:
    return lambda nodes, resource: [node for node in nodes if type(node) is dict and node.get(element) == value]


def _where_extended(url: str) -> Step:
    def extended(nodes: Nodes, resource: dict[str, Any]) -> Nodes:
        return [
            node
            for node in nodes
            if type(node) is dict and any(extension.get("url") == url for extension in node.get("extension", ()))
        ]

    return extended


def _extension_values(url: str) -> Step:
    """The values of the extensions: R4's parameters mean these where they name the extension."""

    def values(nodes: Nodes, resource: dict[str, Any]) -> Nodes:
        return [
            value
            for node in nodes
            if type(node) is dict
            for extension in node.get("extension", ())
            if extension.get("url") == url
            for name, value in extension.items()
            if name.startswith("value")
        ]

    return values
