"""Which items of a list belong to which slice: https://hl7.org/fhir/R4/profiling.html#slicing"""

from collections.abc import Callable
from typing import Any

from bedside.fhir.profiles.held import Discriminator, Node, held
from bedside.fhir.profiles.values import Value, holds, is_coded_by, values

Belongs = Callable[[Value], bool]


def belonging(node: Node, slice_node: Node) -> Belongs | None:
    """The test of one slice; None when what tells it apart is not of the kinds we judge."""
    tests = [_test(discriminator, slice_node) for discriminator in node.discriminators]
    if not tests or any(test is None for test in tests):
        return None
    return lambda value: all(test(value) for test in tests if test is not None)


def _test(discriminator: Discriminator, slice_node: Node) -> Belongs | None:
    kind, path = discriminator
    if kind == "type":
        types = slice_node.types
        return (lambda value: value.type_code in types) if path == "$this" and types else None
    if kind not in ("value", "pattern"):
        return None
    names = [] if path == "$this" else path.split(".")
    if slice_node.profile is not None and path == "url":
        url = slice_node.profile
        return lambda value: isinstance(value.content, dict) and value.content.get("url") == url
    meets = _demand(slice_node, names)
    if meets is None:
        return None
    return lambda value: any(meets(each) for each in _at(value.content, names))


def _demand(node: Node, names: list[str]) -> Callable[[Any], bool] | None:
    """What the slice demands of the value at the path, read off the path or off a pattern above it."""
    while names:
        if node.pattern is not None:
            return _any_of(_within(node.pattern, names))
        inner = node.child(names[0])
        if inner is None:
            return None
        node, names = inner, names[1:]
    if node.fixed is not None:
        return lambda content: bool(content == node.fixed)
    if node.pattern is not None:
        return lambda content: holds(node.pattern, content)
    codings = held().codings(node.value_set) if node.value_set else None
    return None if codings is None else lambda content: is_coded_by(content, codings)


def _any_of(wanted: list[Any]) -> Callable[[Any], bool] | None:
    return (lambda content: any(holds(each, content) for each in wanted)) if wanted else None


def _within(pattern: Any, names: list[str]) -> list[Any]:
    """What a pattern says at the path; empty when it says nothing there."""
    found = [pattern]
    for name in names:
        inner = [each[name] for each in found if isinstance(each, dict) and name in each]
        found = [item for each in inner for item in (each if isinstance(each, list) else [each])]
    return found


def _at(content: Any, names: list[str]) -> list[Any]:
    found = [content]
    for name in names:
        found = [each.content for holder in found if isinstance(holder, dict) for each in values(holder, name)]
    return found
