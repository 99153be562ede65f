"""FHIRPath Patch: operations told as Parameters. https://hl7.org/fhir/R4/fhirpatch.html"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

from bedside.fhir.patches.patch import OPERATIONS_MAX, Patch, inapplicable, malformed
from bedside.fhir.patches.places import Place, places, root_place, split_last

_PARTS = {
    "add": {"path", "name", "value"},
    "insert": {"path", "value", "index"},
    "delete": {"path"},
    "replace": {"path", "value"},
    "move": {"path", "source", "destination"},
}


class _Typed(NamedTuple):
    """`suffix` is what a choice element's name ends with: `Quantity`. Empty for what was told by parts."""

    suffix: str
    content: Any


class _Operation(NamedTuple):
    kind: str
    parts: dict[str, Any]
    value: _Typed | None
    at: str


def fhirpath_patch(parameters: dict[str, Any]) -> Patch:
    """`parameters` is the Parameters resource. Refused with 400 when it tells no operations."""
    told = parameters.get("parameter", [])
    if not isinstance(told, list) or not told:
        raise malformed("a FHIRPath Patch has a parameter for each operation", "Parameters.parameter")
    if len(told) > OPERATIONS_MAX:
        raise malformed(f"a patch has at most {OPERATIONS_MAX} operations", "Parameters.parameter")
    operations = [_operation(each, f"Parameters.parameter[{place}]") for place, each in enumerate(told)]

    def applied(resource: dict[str, Any]) -> Any:
        for operation in deepcopy(operations):
            _CARRY_OUT[operation.kind](resource, operation)
        return resource

    return applied


def _operation(told: Any, at: str) -> _Operation:
    if not isinstance(told, dict) or told.get("name") != "operation" or not isinstance(told.get("part"), list):
        raise malformed("each parameter is named operation and has parts", at)
    parts: dict[str, Any] = {}
    value: _Typed | None = None
    for part in told["part"]:
        if not isinstance(part, dict) or not isinstance(part.get("name"), str) or part["name"] in parts:
            raise malformed("each part has a name, and no two have the same", at)
        typed = _typed(part, at)
        parts[part["name"]] = typed.content
        if part["name"] == "value":
            value = typed
    kind = parts.pop("type", None)
    if not isinstance(kind, str) or kind not in _PARTS:
        raise malformed("the type of an operation is add, insert, delete, replace or move", at)
    if parts.keys() != _PARTS[kind]:
        raise malformed(f"the parts of {kind} are type, {', '.join(sorted(_PARTS[kind]))}", at)
    for name in ("path", "name"):
        if name in parts and not isinstance(parts[name], str):
            raise malformed(f"{name} is text", at)
    for name in ("index", "source", "destination"):
        if name in parts and (type(parts[name]) is not int or parts[name] < 0):
            raise malformed(f"{name} is a whole number, 0 or more", at)
    return _Operation(kind, parts, value, at)


def _typed(part: dict[str, Any], at: str) -> _Typed:
    """The value of a part: one `value[x]`, or an element told by parts of its own."""
    values = [(name.removeprefix("value"), content) for name, content in part.items() if name.startswith("value")]
    if len(values) == 1:
        return _Typed(*values[0])
    if values or not isinstance(part.get("part"), list):
        raise malformed("each part has one value, or parts", at)
    return _Typed("", _assembled(part["part"], at))


def _assembled(parts: list[Any], at: str) -> dict[str, Any]:
    """A backbone element: its parts bear the names of its elements, and those that repeat come more than once."""
    made: dict[str, Any] = {}
    for part in parts:
        if not isinstance(part, dict) or not isinstance(part.get("name"), str):
            raise malformed("each part has a name", at)
        content = _typed(part, at).content
        name = part["name"]
        if name in made:
            made[name] = [*(made[name] if isinstance(made[name], list) else [made[name]]), content]
        else:
            made[name] = content
    return made


def _add(resource: dict[str, Any], operation: _Operation) -> None:
    assert operation.value is not None, "add has a value"
    holder = _only(resource, operation)
    holder.add(operation.parts["name"], operation.value.suffix, operation.value.content, operation.at)


def _insert(resource: dict[str, Any], operation: _Operation) -> None:
    assert operation.value is not None, "insert has a value"
    items, beside = _list_of(resource, operation)
    index = operation.parts["index"]
    if index > len(items):
        raise inapplicable("the index lies beyond the end of the list", operation.at)
    items.insert(index, operation.value.content)
    if beside is not None:
        beside.insert(index, None)


def _delete(resource: dict[str, Any], operation: _Operation) -> None:
    found = places(resource, operation.parts["path"], operation.at)
    if len(found) > 1:
        raise inapplicable("the path leads to several elements, and delete removes one", operation.at)
    for place in found:
        place.remove(operation.at)


def _replace(resource: dict[str, Any], operation: _Operation) -> None:
    assert operation.value is not None, "replace has a value"
    _only(resource, operation).replace(operation.value.suffix, operation.value.content, operation.at)


def _move(resource: dict[str, Any], operation: _Operation) -> None:
    items, beside = _list_of(resource, operation)
    source, destination = operation.parts["source"], operation.parts["destination"]
    if max(source, destination) >= len(items):
        raise inapplicable("the list has no such place", operation.at)
    for each in (items, beside):
        if each is not None:
            each.insert(destination, each.pop(source))


def _only(resource: dict[str, Any], operation: _Operation) -> Place:
    found = places(resource, operation.parts["path"], operation.at)
    if len(found) != 1:
        which = "several elements" if found else "no element"
        raise inapplicable(f"the path leads to {which}, and one is meant", operation.at)
    return found[0]


def _list_of(resource: dict[str, Any], operation: _Operation) -> tuple[list[Any], list[Any] | None]:
    """The list that the path names, and the list of extensions beside it."""
    before, name = split_last(operation.parts["path"], operation.at)
    found = places(resource, before, operation.at) if before else [root_place(resource)]
    if len(found) != 1:
        raise inapplicable("the path leads to no list", operation.at)
    return found[0].list_named(name, operation.at)


_CARRY_OUT: dict[str, Callable[[dict[str, Any], _Operation], None]] = {
    "add": _add,
    "insert": _insert,
    "delete": _delete,
    "replace": _replace,
    "move": _move,
}
