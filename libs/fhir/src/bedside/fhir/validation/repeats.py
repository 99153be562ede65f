"""Lists, and the `_name` that carries a primitive's id and extensions: https://hl7.org/fhir/R4/json.html#primitive."""

from typing import Any

from bedside.fhir.validation.problem import PROBLEMS_MAX, Check, Found, Problem, Scope, under, wrong

_NOT_LIST = wrong("structure", "must be a list")
_EMPTY_LIST = wrong("structure", "must not be an empty list")
_NULL_ITEM = Problem("", "structure", "must not be null unless an extension stands in its place")
_NOT_OBJECT = wrong("structure", "must be an object with an id or extensions")
_ONLY_NULLS = wrong("structure", "must not be nulls only")


def each_of(check_item: Check) -> Check:
    """The check of a list of objects."""

    def check(values: Any, holder: dict[str, Any], scope: Scope) -> Found:
        if values.__class__ is not list:
            return _NOT_LIST
        if not values:
            return _EMPTY_LIST
        problems: Found = None
        for index, value in enumerate(values):
            found = check_item(value, holder, scope)
            if found is not None:
                problems = (*(problems or ()), *under(f"[{index}]", found))
                if len(problems) > PROBLEMS_MAX:
                    break
        return problems

    return check


def each_primitive_of(name: str, check_item: Check) -> Check:
    """As `each_of`, where an item may be null beside an extension in `_name`."""
    sibling = f"_{name}"

    def check(values: Any, holder: dict[str, Any], scope: Scope) -> Found:
        if values.__class__ is not list:
            return _NOT_LIST
        if not values:
            return _EMPTY_LIST
        problems: Found = None
        for index, value in enumerate(values):
            found = check_item(value, holder, scope)
            if found is not None and not (value is None and _item(holder.get(sibling), index) is not None):
                found = (_NULL_ITEM,) if value is None else found
                problems = (*(problems or ()), *under(f"[{index}]", found))
                if len(problems) > PROBLEMS_MAX:
                    break
        return problems

    return check


def extension_of(check_element: Check) -> Check:
    """The check of `_name` beside a primitive that does not repeat."""

    def check(value: Any, holder: dict[str, Any], scope: Scope) -> Found:
        return check_element(value, holder, scope) if value.__class__ is dict else _NOT_OBJECT

    return check


def extensions_of(name: str, check_element: Check) -> Check:
    """The check of `_name` beside a primitive that repeats."""

    def check(values: Any, holder: dict[str, Any], scope: Scope) -> Found:
        if values.__class__ is not list:
            return _NOT_LIST
        if not values:
            return _EMPTY_LIST
        if not any(value is not None for value in values):
            return _ONLY_NULLS
        problems: tuple[Problem, ...] = ()
        for index, value in enumerate(values):
            if value is None:
                # A null in both lists is told once, of the list of values.
                counterparts = holder.get(name)
                found: Found = (_NULL_ITEM,) if _is_beyond(counterparts, index) else None
            else:
                found = check_element(value, holder, scope) if value.__class__ is dict else _NOT_OBJECT
            if found is not None:
                problems = (*problems, *under(f"[{index}]", found))
                if len(problems) > PROBLEMS_MAX:
                    break
        return problems or None

    return check


def _item(values: Any, index: int) -> Any:
    return values[index] if values.__class__ is list and index < len(values) else None


def _is_beyond(values: Any, index: int) -> bool:
    return values.__class__ is not list or index >= len(values)
