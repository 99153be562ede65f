"""What the CapabilityStatement says of searching: http://hl7.org/fhir/R4/capabilitystatement.html"""

from collections.abc import Collection
from functools import cache

from bedside.fhir.definitions import definitions
from bedside.fhir.search import lists
from bedside.fhir.search.including import references
from bedside.fhir.search.parameters import parameters
from bedside.fhir.search.spelling import SHAPING

_KINDS = {"_count": "number", "_total": "token", "_summary": "token"}


def of_all(owned: Collection[str]) -> list[dict[str, str]]:
    """`rest.searchParam`: what can be asked of all types at once, and what shapes any answer."""
    common = set.intersection(*(set(parameters(name)) for name in owned))
    told = definitions().search_parameters(min(owned))
    asked = [{"name": code, "definition": told[code].url, "type": told[code].type} for code in sorted(common)]
    shaping = [name for name in SHAPING if ":" not in name and name != "_page"]
    asked += [{"name": name, "type": _KINDS.get(name, "string")} for name in sorted(shaping)]
    asked.append({"name": "_type", "type": "token"})
    return [*asked, {"name": lists.PARAMETER, "type": "string"}] if "List" in owned else asked


def includes(type_name: str) -> list[str]:
    """`searchInclude`."""
    found = [f"{type_name}:{each.code}" for each in references(type_name)]
    return ["*", f"{type_name}:*", *found] if found else []


def revincludes(type_name: str, owned: Collection[str]) -> list[str]:
    """`searchRevInclude`: what of the owned types can refer to this one."""
    return [include for source in sorted(owned) for include, targets in _references(source) if type_name in targets]


@cache
def _references(source: str) -> tuple[tuple[str, frozenset[str]], ...]:
    return tuple((f"{source}:{each.code}", frozenset(each.targets)) for each in references(source))
