"""`_include` and `_revinclude`: what matches refer to, and what refers to them.

http://hl7.org/fhir/R4/search.html#revinclude
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bedside.fhir.definitions import definitions
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.parameters import Parameter, parameters


@dataclass(frozen=True)
class Include:
    """References from `source` by its parameters `sps`, to `target` or, when None, to any of `targets`.

    Read forwards for `_include`, backwards for `_revinclude`.
    """

    source: str
    sps: tuple[int, ...]
    target: str | None
    targets: tuple[str, ...]
    iterates: bool


def includes_of(type_names: Sequence[str], value: str, *, iterates: bool) -> list[Include]:
    """`Encounter:subject`, `Encounter:subject:Patient`, `Encounter:*`; or `*`, which is one for each type."""
    if value == "*":
        able = [name for name in type_names if references(name)]
        return [_include("_include", f"{name}:*", iterates=iterates) for name in able]
    include = _include("_include", value, iterates=iterates)
    if include.source not in type_names and not iterates:
        raise _refused("_include", f"begins with {_said(type_names)} here; for others use _include:iterate")
    return [include]


def revinclude_of(type_names: Sequence[str], value: str, *, iterates: bool) -> Include:
    """`Observation:subject` and so on: `target` is a searched type unless it iterates."""
    include = _include("_revinclude", value, iterates=iterates)
    if not iterates and include.target is not None and include.target not in type_names:
        raise _refused("_revinclude", f"ends with {_said(type_names)} here, or nothing")
    return include


def _said(type_names: Sequence[str]) -> str:
    return type_names[0] if len(type_names) == 1 else "a type that is searched"


def _include(name: str, value: str, *, iterates: bool) -> Include:
    source, _, rest = value.partition(":")
    code, _, target = rest.partition(":")
    types = definitions().resource_types
    if source not in types or not code or (target and target not in types):
        raise _refused(name, "is written as Type:parameter or Type:parameter:Type")
    found = references(source) if code == "*" else [each for each in references(source) if each.code == code]
    if not found:
        known = ", ".join(each.code for each in references(source))
        raise _refused(name, f"{source} has these references to include: {known}")
    if target and not any(target in each.targets for each in found):
        raise _refused(name, f"{source}:{found[0].code} does not refer to that type")
    sps = tuple(sorted({sp for each in found for sp in each.sps}))
    targets = (target,) if target else tuple(sorted({name for each in found for name in each.targets}))
    return Include(source, sps, target or None, targets, iterates)


def references(type_name: str) -> list[Parameter]:
    return [each for each in parameters(type_name).values() if each.kind == "reference"]


def _refused(name: str, why: str) -> Refused:
    return Refused(400, [Issue("value", f"Parameter {name}: {why}")])
