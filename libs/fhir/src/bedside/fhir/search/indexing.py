"""From a resource to its index rows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from bedside.fhir.definitions import definitions
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.expressions import Extract, branches_for, compiled_branch, first_names
from bedside.fhir.search.hashing import PRESENT, token_hashes
from bedside.fhir.search.indexed import Indexed as Indexed
from bedside.fhir.search.moments import intervals_of
from bedside.fhir.search.parameter_types import (
    composite,
    near,
    number,
    phonetic,
    quantity,
    reference,
    string,
    token,
    token_text,
    uri,
    words,
)
from bedside.fhir.search.parameters import Parameter, parameters
from bedside.fhir.search.purview import in_patient_compartment

_SOMEWHERE = Facility()
# Of one parameter of one resource. What lies beyond is not searchable; a resource that large is split by its authors.
VALUES_MAX = 2000


def index(resource: dict[str, Any], facility: Facility = _SOMEWHERE) -> Indexed:
    """Of a valid resource, with its id and meta. Contained resources are not found by search."""
    type_name: str = resource["resourceType"]
    indexed = Indexed(type_name)
    plan = _plan(type_name)
    by_name = plan.by_name
    for name in resource:
        for entry in by_name.get(name, ()):
            _write(indexed, entry, resource, facility)
    for entry in plan.always:
        _write(indexed, entry, resource, facility)
    indexed.words = words.text_of(resource)
    if type_name == "Patient":
        indexed.patients.add(resource["id"])
    return indexed


@dataclass(frozen=True, slots=True)
class _Entry:
    """How one branch of one parameter of a type is extracted and written. `present` is its row for `:missing`."""

    sp: int
    present: tuple[int, int]
    parameter: Parameter
    extract: Extract
    write: "_Writer"
    is_by_patient: bool
    is_compartment: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    """Entries by the element they begin at: most elements are absent from most resources."""

    by_name: dict[str, tuple[_Entry, ...]]
    always: tuple[_Entry, ...]


_Writer = Callable[[Indexed, _Entry, list[Any], dict[str, Any], Facility], None]


def _write(indexed: Indexed, entry: _Entry, resource: dict[str, Any], facility: Facility) -> None:
    values = entry.extract(resource, resource)
    if values:
        indexed.tokens.add(entry.present)
        entry.write(indexed, entry, values if len(values) <= VALUES_MAX else values[:VALUES_MAX], resource, facility)


@cache
def _plan(type_name: str) -> _Plan:
    by_name: dict[str, list[_Entry]] = {}
    always: list[_Entry] = []
    for parameter in parameters(type_name).values():
        for branch in branches_for(type_name, parameter.expression) if parameter.is_indexed else ():
            entry = _entry(parameter, branch)
            names = first_names(branch, parameter.kind)
            for name in names:
                by_name.setdefault(name, []).append(entry)
            if not names:
                always.append(entry)
    return _Plan({name: tuple(entries) for name, entries in by_name.items()}, tuple(always))


def _entry(parameter: Parameter, branch: str) -> _Entry:
    held = definitions().compartment_parameters("Patient", parameter.type_name)
    sp = parameter.sps[0]
    return _Entry(
        sp=sp,
        present=(sp, PRESENT),
        parameter=parameter,
        extract=compiled_branch(branch, parameter.kind),
        write=_WRITERS[parameter.kind],
        is_by_patient=parameter.is_by_patient and in_patient_compartment(parameter.type_name),
        is_compartment=_puts_into_compartment(parameter, held),
    )


def _puts_into_compartment(parameter: Parameter, held: tuple[str, ...]) -> bool:
    # A parameter of the compartment may stand in the index under the name of its twin.
    every = parameters(parameter.type_name)
    return any(parameter.sps[0] in every[code].sps for code in held if code in every)


@lru_cache(maxsize=32768)
def _token_rows(sp: int, system: str | None, code: str | None) -> tuple[tuple[int, int], ...]:
    return tuple((sp, hash) for hash in token_hashes(system, code))


def _write_token(
    indexed: Indexed, entry: _Entry, values: list[Any], resource: dict[str, Any], facility: Facility
) -> None:
    sp, texts, tokens = entry.sp, indexed.tables["ix_string"], indexed.tokens
    for value in values:
        for system, code in token.tokens_of(value):
            rows = _token_rows(sp, system, code)
            tokens.update(rows)
            if entry.is_by_patient:
                indexed.by_patient.update(rows)
        for hash in token.typed_of(value):
            tokens.add((sp, hash))
    for norm, whole in token_text.rows(values):
        texts.add((sp, norm, whole))


def _write_string(
    indexed: Indexed, entry: _Entry, values: list[Any], resource: dict[str, Any], facility: Facility
) -> None:
    for value in values:
        for text in string.strings_of(value):
            for row in string.rows(text):
                indexed.add("ix_string", entry.sp, *row)


def _write_phonetic(
    indexed: Indexed, entry: _Entry, values: list[Any], resource: dict[str, Any], facility: Facility
) -> None:
    for value in values:
        for hash in phonetic.hashes_of(value):
            indexed.tokens.add((entry.sp, hash))


def _write_reference(
    indexed: Indexed, entry: _Entry, values: list[Any], resource: dict[str, Any], facility: Facility
) -> None:
    for value in values:
        text = reference.text_of(value)
        named = reference.local(text, facility) if text else None
        if named:
            indexed.refer(entry.sp, f"{named.type_name}/{named.id}")
            if entry.is_compartment and named.type_name == "Patient":
                indexed.patients.add(named.id)
        elif text:
            for each in uri.uris_of(text):
                indexed.add("ix_uri", entry.sp, each)
            if isinstance(value, str):
                indexed.add("ix_uri", entry.sp, uri.canonical_name(value))
        identifier = value.get("identifier") if isinstance(value, dict) else None
        if identifier:
            indexed.tokens.update(_token_rows(entry.sp, identifier.get("system"), identifier.get("value")))


def _write_date(
    indexed: Indexed, entry: _Entry, values: list[Any], resource: dict[str, Any], facility: Facility
) -> None:
    for value in values:
        for found in intervals_of(value, facility.zone):
            indexed.add("ix_date", entry.sp, found.length_class, *found)


def _write_number(
    indexed: Indexed, entry: _Entry, values: list[Any], resource: dict[str, Any], facility: Facility
) -> None:
    for value in values:
        for span in number.points_of(value):
            indexed.add("ix_num", entry.sp, *span)


def _write_quantity(
    indexed: Indexed, entry: _Entry, values: list[Any], resource: dict[str, Any], facility: Facility
) -> None:
    for value in values:
        for span in quantity.spans_of(value):
            indexed.add("ix_qty", entry.sp, *span)


def _write_uri(
    indexed: Indexed, entry: _Entry, values: list[Any], resource: dict[str, Any], facility: Facility
) -> None:
    for value in values:
        for each in uri.uris_of(value):
            indexed.add("ix_uri", entry.sp, each)
    if entry.parameter.code == "url" and "url" in resource:
        # As canonical references name it: any version, or this one.
        for version in {"", resource.get("version", "")}:
            indexed.add("ix_uri", entry.sp, uri.shortened(f"{resource['url']}|{version}"))


def _write_near(
    indexed: Indexed, entry: _Entry, values: list[Any], resource: dict[str, Any], facility: Facility
) -> None:
    for value in values:
        for point in near.points_of(value):
            indexed.add("ix_near", entry.sp, *point)


def _write_composite(
    indexed: Indexed, entry: _Entry, values: list[Any], resource: dict[str, Any], facility: Facility
) -> None:
    for value in values:
        for table, hash, second in composite.pairs_of(entry.parameter.components, value, resource, facility):
            indexed.pair(entry.sp, table, hash, second)


_WRITERS: dict[str, _Writer] = {
    "token": _write_token,
    "string": _write_string,
    "phonetic": _write_phonetic,
    "reference": _write_reference,
    "date": _write_date,
    "number": _write_number,
    "quantity": _write_quantity,
    "uri": _write_uri,
    "near": _write_near,
    "composite": _write_composite,
}
