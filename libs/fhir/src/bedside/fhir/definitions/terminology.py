"""Which codes a value set holds and which a code subsumes, as far as R4's own package tells."""

from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import Any

from bedside.fhir.definitions.tables import table

_Tree = Mapping[str, "_Tree"]
# By system, the codes; None is every code of that system.
Members = Mapping[str, tuple[str, ...] | None]


@cache
def terminology() -> "Terminology":
    """The one instance: it never changes."""
    return Terminology()


class Terminology:
    """The code systems that R4 4.0.1 publishes whole, and the value sets that can be told by them."""

    def __init__(self) -> None:
        self._lineages: dict[str, dict[str, frozenset[str]]] = {}

    def members(self, value_set: str) -> Members | None:
        """None for a value set not known here, or told by a system not held (as SNOMED's hierarchy)."""
        held: dict[str, list[str] | None] | None = self._told["sets"].get(value_set.partition("|")[0])
        if held is None:
            return None
        return {system: None if codes is None else tuple(codes) for system, codes in held.items()}

    def codes(self, system: str) -> frozenset[str] | None:
        """Every code of a system; None when the system is not held."""
        lineage = self._lineage(system)
        return None if lineage is None else frozenset(lineage)

    def subsumed(self, system: str, code: str) -> tuple[str, ...] | None:
        """The code and all beneath it; in a system without hierarchy that is the code. None when it is not held."""
        lineage = self._lineage(system)
        if lineage is None or code not in lineage:
            return None
        return tuple(each for each, above in lineage.items() if each == code or code in above)

    def subsuming(self, system: str, code: str) -> tuple[str, ...] | None:
        """The code and all above it. None when it is not held."""
        lineage = self._lineage(system)
        if lineage is None or code not in lineage:
            return None
        return (code, *sorted(lineage[code] - {code}))

    def _lineage(self, system: str) -> dict[str, frozenset[str]] | None:
        """By code, what is above it."""
        if system not in self._lineages:
            tree = self._told["systems"].get(system)
            if tree is None:
                return None
            lineage: dict[str, frozenset[str]] = {}
            for code, above in _walk(tree, frozenset()):
                # A code may stand in several places.
                lineage[code] = lineage.get(code, frozenset()) | above
            self._lineages[system] = lineage
        return self._lineages[system]

    @cached_property
    def _told(self) -> dict[str, Any]:
        found: dict[str, Any] = table("terminology")
        return found


def _walk(tree: _Tree, above: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for code, beneath in tree.items():
        yield code, above
        yield from _walk(beneath, above | {code})
