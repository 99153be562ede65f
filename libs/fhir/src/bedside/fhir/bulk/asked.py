"""What a kick-off asks for: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC
from typing import Any, Literal
from urllib.parse import parse_qsl

from bedside.fhir.definitions import definitions
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search import query, subset
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.moments import interval
from bedside.fhir.search.purview import in_patient_compartment
from bedside.fhir.search.spelling import shown
from bedside.fhir.search.subset import Subset

Level = Literal["system", "patient", "group"]
PATIENTS_MAX = 10_000
FILTERS_MAX = 50
_FORMATS = ("application/fhir+ndjson", "application/ndjson", "ndjson")
_LATER = ("includeAssociatedData", "organizeOutputBy", "allowPartialManifests")


@dataclass(frozen=True)
class Export:
    """`types` are what is wanted of this service; `since` is microseconds UTC; `filters` are (type, query) of which one
    must hold. `patients` are logical ids, None for all of them. `elements` are (type, name); an empty type is any."""

    level: Level
    types: tuple[str, ...]
    since: int | None = None
    filters: tuple[tuple[str, str], ...] = ()
    patients: tuple[str, ...] | None = None
    elements: tuple[tuple[str, str], ...] = ()

    def among(self, members: Sequence[str]) -> "Export":
        """Of these patients; where some were named, of those of them that are among these."""
        named = None if self.patients is None else set(self.patients)
        return replace(self, patients=tuple(each for each in members if named is None or each in named))

    def subset(self, type_name: str) -> Subset | None:
        """What is shown of this type's resources; None is the whole."""
        return subset.of_elements(type_name, [name for owner, name in self.elements if owner in ("", type_name)])

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Export":
        """From `as_json`."""
        return cls(
            level=told["level"],
            types=tuple(told["types"]),
            since=told["since"],
            filters=tuple((type_name, text) for type_name, text in told["filters"]),
            patients=None if told["patients"] is None else tuple(told["patients"]),
            elements=tuple((type_name, name) for type_name, name in told.get("elements", ())),
        )


def asked(
    level: Level, pairs: Sequence[tuple[str, str]], *, owned: frozenset[str], facility: Facility, lenient: bool
) -> Export:
    """Refused (400) with everything in `pairs` that cannot be done. Lenient leaves out what is not supported.

    `pairs` are parameters as text, from the query or from Parameters; `patient` is `Patient/p1`.
    """
    reading = _Reading(level, owned, facility)
    wrong: list[Issue] = []
    for name, value in pairs:
        wrong += [issue for issue in reading.take(name, value) if not (lenient and issue.code == "not-supported")]
    if wrong:
        raise Refused(400, wrong)
    return reading.export()


class _Reading:
    def __init__(self, level: Level, owned: frozenset[str], facility: Facility) -> None:
        self._level = level
        self._owned = owned
        self._facility = facility
        self._types: list[str] = []
        self._since: int | None = None
        self._filters: list[tuple[str, str]] = []
        self._patients: list[str] = []
        self._elements: list[tuple[str, str]] = []

    def take(self, name: str, value: str) -> Iterator[Issue]:
        match name:
            case "_type":
                yield from self._take_types(value)
            case "_since":
                yield from self._take_since(value)
            case "_typeFilter":
                yield from self._take_filter(value)
            case "_elements":
                yield from self._take_elements(value)
            case "patient" if self._level != "system":
                yield from self._take_patient(value)
            case "_outputFormat":
                if value.replace(" ", "+") not in _FORMATS:
                    yield Issue("value", "_outputFormat can only be application/fhir+ndjson", name)
            case _ if name in _LATER:
                yield Issue("not-supported", f"{name} is not supported in exports", name)
            case _:
                known = "_type, _since, _typeFilter, _elements, _outputFormat and, for patients, patient"
                yield Issue("not-supported", f"an export has no parameter {shown(name)}; it has {known}")

    def export(self) -> Export:
        wanted = set(self._types) & self._owned if self._types else set(self._owned)
        if self._level != "system":
            wanted = {each for each in wanted if in_patient_compartment(each)}
        return Export(
            self._level,
            tuple(sorted(wanted)),
            self._since,
            tuple(self._filters),
            tuple(dict.fromkeys(self._patients)) if self._patients else None,
            tuple(self._elements),
        )

    def _take_types(self, value: str) -> Iterator[Issue]:
        for name in value.split(","):
            # One that another service owns is that service's to export: the gateway asks them all.
            if name not in definitions().resource_type_set:
                yield Issue("value", "_type names a type that R4 does not have", "_type")
            self._types.append(name)

    def _take_since(self, value: str) -> Iterator[Issue]:
        begin = interval(value, UTC)
        if begin is None:
            yield Issue("value", "_since takes an instant, as 2026-01-15T10:30:00Z", "_since")
        else:
            self._since = begin.lo

    def _take_filter(self, value: str) -> Iterator[Issue]:
        type_name, separator, text = value.partition("?")
        if not separator or type_name not in definitions().resource_type_set:
            yield Issue("value", "_typeFilter is written as Type?query", "_typeFilter")
        elif len(self._filters) >= FILTERS_MAX:
            yield Issue("too-costly", f"an export has at most {FILTERS_MAX} filters", "_typeFilter")
        elif type_name in self._owned:
            try:
                query.parse(type_name, pairs_of(text), facility=self._facility, owned=self._owned)
            except Refused as refused:
                yield from (Issue(issue.code, issue.text, "_typeFilter") for issue in refused.issues)
            self._filters.append((type_name, text))

    def _take_elements(self, value: str) -> Iterator[Issue]:
        """`Patient.name,status`: https://hl7.org/fhir/uv/bulkdata/STU2/export.html#query-parameters"""
        for text in value.split(","):
            type_name, _, name = text.strip().rpartition(".")
            if len(self._elements) >= subset.ELEMENTS_MAX:
                yield Issue("too-costly", f"an export takes at most {subset.ELEMENTS_MAX} elements", "_elements")
                return
            if type_name not in ("", *definitions().resource_types) or not subset.is_element(type_name, name):
                yield Issue("value", "_elements names elements at the root, as status or Patient.name", "_elements")
            self._elements.append((type_name, name))

    def _take_patient(self, value: str) -> Iterator[Issue]:
        id = value.removeprefix(f"{self._facility.base_url}/").removeprefix("Patient/")
        if not id or "/" in id:
            yield Issue("value", "patient is written as Patient/id", "patient")
        elif len(self._patients) >= PATIENTS_MAX:
            yield Issue("too-costly", f"an export names at most {PATIENTS_MAX} patients", "patient")
        else:
            self._patients.append(id)


def pairs_of(text: str) -> list[tuple[str, str]]:
    """The parameters of a query string."""
    return parse_qsl(text, keep_blank_values=True)
