"""Contained resources: dom-2 to dom-5 (https://hl7.org/fhir/R4/domainresource-definitions.html)."""

from collections.abc import Iterator
from typing import Any

from bedside.fhir.definitions import definitions
from bedside.fhir.validation.problem import Problem, Scope
from bedside.fhir.validation.references import fragments


def contained_types(contained: Any) -> Scope:
    """By id, the type of each contained resource; what is malformed is left to the structure's check."""
    if contained.__class__ is not list:
        return {}
    return {
        each["id"]: each["resourceType"]
        for each in contained
        if each.__class__ is dict and each.get("id").__class__ is str and each.get("resourceType").__class__ is str
    }


def contained_problems(resource: dict[str, Any]) -> Iterator[Problem]:
    """What is wrong with how resources are contained in this one."""
    contained = resource["contained"]
    if contained.__class__ is not list:
        return
    referred = fragments(resource)
    for index, each in enumerate(contained):
        if each.__class__ is dict:
            for key in _broken(each, referred):
                yield Problem(f"contained[{index}]", "invariant", f"{key}: {definitions().invariant_text(key)}")


def _broken(contained: dict[str, Any], referred: set[str]) -> Iterator[str]:
    if "contained" in contained:
        yield "dom-2"
    if f"#{contained.get('id')}" not in referred and "#" not in fragments(contained):
        yield "dom-3"
    meta = contained.get("meta")
    if meta.__class__ is dict:
        if "versionId" in meta or "lastUpdated" in meta:
            yield "dom-4"
        if "security" in meta:
            yield "dom-5"
