"""References: what they may look like and where they may point (https://hl7.org/fhir/R4/references.html#literal)."""

import re
from typing import Any

from bedside.fhir.definitions import definitions
from bedside.fhir.validation.problem import Check, Found, Problem, Scope

_is_tail = re.compile(r"[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?", re.ASCII).fullmatch
_is_absolute = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+", re.ASCII).fullmatch
_restful = re.compile(r"https?://.*/([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/.*)?", re.ASCII).fullmatch

_UNKNOWN = "unknown"
_FORM = Problem(
    "reference",
    "value",
    "must be Type/id with a resource type of R4, an absolute URL, #id of a contained resource, or a search",
)


def reference_check(targets: tuple[str, ...], reference: Check) -> Check:
    """The check of a `Reference` element that may point to `targets` only; none, or `Resource`, is any."""
    allowed = definitions().resource_type_set if not targets or "Resource" in targets else frozenset(targets)
    # Long lists, such as that of Provenance.target, would only hide the place.
    told = ", ".join(sorted(allowed)) if len(allowed) <= 16 else "another type"
    wrong_target = f"must refer to {told}"
    types = definitions().resource_type_set
    dangling = Problem("reference", "invariant", f"ref-1: {definitions().invariant_text('ref-1')}")

    def check(value: Any, holder: dict[str, Any], scope: Scope) -> Found:
        found = reference(value, holder, scope)
        if value.__class__ is not dict:
            return found
        literal = value.get("reference")
        if literal.__class__ is str and literal:
            type_name, slash, tail = literal.partition("/")
            if not (type_name in allowed and slash and _is_tail(tail)) and not literal.startswith("urn:uuid:"):
                problem = judge(literal, scope)
                found = found if problem is None else (*(found or ()), problem)
        named = value.get("type")
        if named.__class__ is str and named in types and named not in allowed:
            found = (*(found or ()), Problem("type", "value", wrong_target))
        return found

    def judge(literal: str, scope: Scope) -> Problem | None:
        type_name = _type_of(literal, scope)
        if type_name is None:
            return dangling if literal[0] == "#" else _FORM
        return None if type_name == _UNKNOWN or type_name in allowed else Problem("reference", "value", wrong_target)

    return check


def _type_of(literal: str, scope: Scope) -> str | None:
    if literal[0] == "#":
        # A contained resource may point to the one that holds it.
        return scope.get(literal[1:]) if len(literal) > 1 else _UNKNOWN
    types = definitions().resource_type_set
    type_name, slash, tail = literal.partition("/")
    if type_name in types and slash and _is_tail(tail):
        return type_name
    searched, question, _ = literal.partition("?")
    if question and searched in types:
        return searched
    restful = _restful(literal)
    if restful is not None and restful[1] in types:
        return restful[1]
    return _UNKNOWN if _is_absolute(literal) else None


def fragments(value: Any) -> set[str]:
    """Every text that begins with #, anywhere inside: how contained resources are referred to."""
    found: set[str] = set()
    pending = [value]
    while pending:
        each = pending.pop()
        if each.__class__ is dict:
            pending.extend(each.values())
        elif each.__class__ is list:
            pending.extend(each)
        elif each.__class__ is str and each.startswith("#"):
            found.add(each)
    return found
