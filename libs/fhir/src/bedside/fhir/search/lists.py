"""`_list`: what a List names in its entries. http://hl7.org/fhir/R4/search.html#list"""

import re
from collections.abc import Collection

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.chains import Referred
from bedside.fhir.search.criteria import Criterion, HasId
from bedside.fhir.search.parameters import parameters

PARAMETER = "_list"
LISTS_MAX = 100
_ID = re.compile(r"(?:List/)?([A-Za-z0-9\-.]{1,64})", re.ASCII)


def criterion(name: str, value: str, owned: Collection[str] | None) -> Criterion:
    """Of any of these lists, by id. Refused where lists are another service's, and for R4's functional lists."""
    if name != PARAMETER:
        raise _refused("not-supported", "has no modifiers")
    if owned is not None and "List" not in owned:
        raise _refused("not-supported", "lists are kept by another service, or may not be searched")
    values = value.split(",")
    if any(each.startswith("$") for each in values):
        raise _refused("not-supported", "functional lists are not kept; name a List by its id")
    found = [_ID.fullmatch(each) for each in values]
    ids = tuple(dict.fromkeys(match[1] for match in found if match))
    if not all(found) or len(ids) > LISTS_MAX:
        raise _refused("value", f"takes ids of lists, {LISTS_MAX} at most")
    return Referred(parameters("List")["item"].sps, "List", HasId(("List",), ids))


def _refused(code: str, why: str) -> Refused:
    return Refused(400, [Issue(code, f"Parameter {PARAMETER}: {why}")])
