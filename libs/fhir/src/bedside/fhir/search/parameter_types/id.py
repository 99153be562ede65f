"""`_id`: the resource's own id."""

import re

from bedside.fhir.search.asked import Asked
from bedside.fhir.search.criteria import Criterion, HasId
from bedside.fhir.search.escaping import unescaped

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)


def criterion(asked: Asked) -> Criterion:
    asked.allow(("not",))
    ids = tuple(dict.fromkeys(unescaped(value) for value in asked.values))
    if not all(_ID.fullmatch(id) for id in ids):
        asked.refuse("an id has 1 to 64 of A-Z a-z 0-9 - and .")
    return HasId(asked.type_names or (asked.type_name,), ids, negated=asked.modifier == "not")
