"""A resource: known by its resourceType, and the holder of contained ones."""

from typing import Any

from bedside.fhir.definitions import definitions
from bedside.fhir.outcome import Issue
from bedside.fhir.validation.contained import contained_problems, contained_types
from bedside.fhir.validation.problem import PROBLEMS_MAX, Found, Problem, Scope, under, wrong
from bedside.fhir.validation.structures import Compiler

_NOT_RESOURCE = wrong("structure", "must be a resource: an object with a resourceType")
_NO_TYPE = wrong("required", "must have a resourceType")
_UNKNOWN_TYPE = wrong("structure", "must have a resourceType of FHIR R4 (4.0.1)")
_NOTHING_CONTAINED: Scope = {}


def validate(resource: Any, at: str | None = None) -> list[Issue]:
    """Every problem of a resource; none means that it is valid R4 in structure, codes and invariants.

    `at` is where it stands, as `Bundle.entry[4].resource`; without it places begin with the resource's type.
    At most PROBLEMS_MAX are told, and then that there are more.
    """
    found = check_resource(resource, {}, _NOTHING_CONTAINED)
    if found is None:
        return []
    root = at or _root(resource)
    told = under(root, found) if root else found
    issues = [Issue(code, text, place or None) for place, code, text in told[:PROBLEMS_MAX]]
    if len(found) > PROBLEMS_MAX:
        issues.append(Issue("too-long", f"there are more than {PROBLEMS_MAX} problems", root, severity="information"))
    return issues


def check_resource(value: Any, holder: dict[str, Any], scope: Scope) -> Found:
    """The check of a resource that stands for itself: the root, a Bundle's entry, a parameter."""
    refusal = _type_problem(value)
    if refusal is not None:
        return refusal
    check = _COMPILER.structure(value["resourceType"])
    if "contained" not in value:
        return check(value, holder, _NOTHING_CONTAINED)
    found = check(value, holder, contained_types(value["contained"]))
    return (*(found or ()), *contained_problems(value)) or None


def check_contained(value: Any, holder: dict[str, Any], scope: Scope) -> Found:
    """The check of a contained resource, which shares the scope of the one that holds it."""
    return _type_problem(value) or _COMPILER.structure(value["resourceType"])(value, holder, scope)


_COMPILER = Compiler(resource=check_resource, contained=check_contained)


def _type_problem(value: Any) -> tuple[Problem, ...] | None:
    if value.__class__ is not dict:
        return _NOT_RESOURCE
    type_name = value.get("resourceType")
    if type_name is None:
        return _NO_TYPE
    if type_name.__class__ is not str or type_name not in definitions().resource_type_set:
        return _UNKNOWN_TYPE
    return None


def _root(resource: Any) -> str | None:
    return None if _type_problem(resource) else resource["resourceType"]
