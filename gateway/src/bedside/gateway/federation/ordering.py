"""In which order entries of several owners come: by time, by id, or one owner after the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bedside.fhir.outcome import Issue, Refused

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ordering:
    """Each key with whether it descends. Without keys: one owner after the other."""

    keys: tuple[tuple[Callable[[Entry], str], bool], ...]

    def first(self, heads: Sequence[Entry | None]) -> int:
        """The place of the entry that comes next; among equals that of the first owner."""
        places = range(len(heads))
        for key, descends in self.keys:
            values = {place: key(heads[place] or {}) for place in places}
            wanted = max(values.values()) if descends else min(values.values())
            places = [place for place in values if values[place] == wanted]  # type: ignore[assignment]
        return places[0]


def _changed(entry: Entry) -> str:
    """When the version of a history's entry was made."""
    return str(entry.get("response", {}).get("lastModified", ""))


def _updated(entry: Entry) -> str:
    return str(entry.get("resource", {}).get("meta", {}).get("lastUpdated", ""))


def _id(entry: Entry) -> str:
    return str(entry.get("resource", {}).get("id", ""))


NEWEST_VERSIONS_FIRST = Ordering(((_changed, True),))
NEWEST_FIRST = Ordering(((_updated, True),))
ONE_AFTER_THE_OTHER = Ordering(())
_KEYS: dict[str, Callable[[Entry], str]] = {"_lastUpdated": _updated, "_id": _id}


def ordering_of(sort: str | None) -> Ordering:
    """Of a search's `_sort`. Refused for other keys: what two owners sorted by them cannot be told apart here."""
    if sort is None:
        return NEWEST_FIRST
    keys = []
    for name in sort.split(","):
        key = _KEYS.get(name.removeprefix("-"))
        if key is None:
            text = "Parameter _sort over types of several services takes _lastUpdated and _id: sort one type at a time."
            raise Refused(400, [Issue("not-supported", text)])
        keys.append((key, name.startswith("-")))
    return Ordering(tuple(keys))
