"""The invariants of R4 that are checked, by their key. One function each, in the file of what it speaks of."""

from collections.abc import Callable
from typing import Any

from bedside.fhir.validation.invariants import (
    appointments,
    bundles,
    care,
    conditions,
    data_types,
    documents,
    medications,
    observations,
    parties,
    quantities,
    questionnaires,
    timing,
)

Places = tuple[str, ...]
"""Where the invariant is broken, relative to what was given: `("",)` is that itself, `()` nowhere."""

Invariant = Callable[[Any], Places]

INVARIANTS: dict[str, Invariant] = {
    key: function
    for part in (
        appointments,
        bundles,
        care,
        conditions,
        data_types,
        documents,
        medications,
        observations,
        parties,
        quantities,
        questionnaires,
        timing,
    )
    for key, function in part.INVARIANTS.items()
}

# These need more than the element: the check of references, of narrative and of contained resources holds them.
CHECKED_WITH_THEIR_ELEMENT = frozenset({"ref-1", "txt-1", "txt-2", "dom-2", "dom-3", "dom-4", "dom-5"})
