"""From a resource to its index rows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from bedside.fhir.definitions import definitions
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.expressions import Extract, compiled
from bedside.fhir.search.hashing import PRESENT, token_hashes
from bedside.fhir.search.moments import intervals_of
from bedside.fhir.search.parameter_types import composite, number, quantity, reference, string, token, token_text, uri
from bedside.fhir.search.parameters import Parameter, parameters
from bedside.fhir.search.purview import in_patient_compartment

Row = tuple[Any, ...]
RidOf = Callable[[str], int]
_SOMEWHERE = Facility()
# Of one parameter of one resource. What lies beyond is not searchable; a resource that large is split by its authors.
VALUES_MAX = 2000


@dataclass
class Indexed:
    """What search needs to know of one resource.

    `references` are the local resources it mentions, as `Type/id`; `patients` the ids of the patients in whose
    compartments it lies.
    """

    type_name: str
    references: set[str] = field(default_factory=set)
    patients: set[str] = field(default_factory=set)
    # Rows still without `vid`; in `_refs` and `_pair_refs` the target is still a `Type/id`.
    _rows: dict[str, set[Row]] = field(default_factory=dict)
    _by_patient: set[Row] = field(default_factory=set)
    _refs: set[tuple[int, str]] = field(default_factory=set)
    _pair_refs: set[tuple[int, int, str]] = field(default_factory=set)

    def rows(self, vid: int, rid_of: RidOf) -> dict[str, list[Row]]:
        """Ready to insert, by table, columns as in `index_tables.COLUMNS`. `rid_of` is asked for `references`
        and for `Patient/id` of each of `patients`."""
        made: dict[str, list[Row]] = {
            table: [(*row, vid) for row in rows]
            for table, rows in self._rows.items()
            if table not in ("ix_string", "ix_ts")
        }
        for table in ("ix_string", "ix_ts"):
            if table in self._rows:
                made[table] = [(*row[:-1], vid, row[-1]) for row in self._rows[table]]
        if self._refs:
            made["ix_ref"] = [(sp, rid_of(key), vid) for sp, key in self._refs]
        if self._pair_refs:
            made["ix_tr"] = [(sp, hash, rid_of(key), vid) for sp, hash, key in self._pair_refs]
        if self.patients:
            rids = [rid_of(f"Patient/{id}") for id in self.patients]
            type_id = definitions().type_id(self.type_name)
            made["compartment"] = [(rid, type_id, vid) for rid in rids]
            if self._by_patient:
                made["ix_ptoken"] = [(rid, *row, vid) for rid in rids for row in self._by_patient]
        return made

    def add(self, table: str, *row: Any) -> None:
        self._rows.setdefault(table, set()).add(row)

    def refer(self, sp: int, key: str) -> None:
        self.references.add(key)
        self._refs.add((sp, key))

    def pair(self, sp: int, table: str, hash: int, second: Row) -> None:
        """A row of a composite whose first part is a token."""
        if table == "ix_tr":
            key: str = second[0]
            self.references.add(key)
            self._pair_refs.add((sp, hash, key))
        else:
            self.add(table, sp, hash, *second)

    def keep_by_patient(self, sp: int, hash: int) -> None:
        self._by_patient.add((sp, hash))


def index(resource: dict[str, Any], facility: Facility = _SOMEWHERE) -> Indexed:
    """Of a valid resource, with its id and meta. Contained resources are not found by search."""
    type_name: str = resource["resourceType"]
    indexed = Indexed(type_name)
    for entry in _plan(type_name):
        values = entry.extract(resource, resource)
        if values:
            indexed.add("ix_token", entry.sp, PRESENT)
            entry.write(indexed, entry, values[:VALUES_MAX], resource, facility)
    if type_name == "Patient":
        indexed.patients.add(resource["id"])
    return indexed


@dataclass(frozen=True)
class _Entry:
    """How one parameter of a type is extracted and written."""

    sp: int
    parameter: Parameter
    extract: Extract
    write: "_Write"
    is_compartment: bool


_Write = Callable[[Indexed, _Entry, list[Any], dict[str, Any], Facility], None]


@cache
def _plan(type_name: str) -> tuple[_Entry, ...]:
    held = definitions().compartment_parameters("Patient", type_name)
    by_patient = in_patient_compartment(type_name)
    return tuple(
        _Entry(
            sp=parameter.sps[0],
            parameter=parameter,
            extract=compiled(type_name, parameter.expression, parameter.kind),
            write=_write_token_by_patient if by_patient and parameter.is_by_patient else _WRITES[parameter.kind],
            is_compartment=_puts_into_compartment(parameter, held),
        )
        for parameter in parameters(type_name).values()
        if parameter.is_indexed
    )


def _puts_into_compartment(parameter: Parameter, held: tuple[str, ...]) -> bool:
    # A parameter of the compartment may stand in the index under the name of its twin.
    every = parameters(parameter.type_name)
    return any(parameter.sps[0] in every[code].sps for code in held if code in every)


def _write_token(
    indexed: Indexed, entry: _Entry, values: list[Any], resource: dict[str, Any], facility: Facility
) -> None:
    for value in values:
        for system, code in token.tokens_of(value):
            for hash in token_hashes(system, code):
                indexed.add("ix_token", entry.sp, hash)
        for hash in token.typed_of(value):
            indexed.add("ix_token", entry.sp, hash)
    _write_texts(indexed, entry.sp, values)


def _write_token_by_patient(
    indexed: Indexed, entry: _Entry, values: list[Any], resource: dict[str, Any], facility: Facility
) -> None:
    sp = entry.sp
    for value in values:
        for system, code in token.tokens_of(value):
            for hash in token_hashes(system, code):
                indexed.add("ix_token", sp, hash)
                indexed.keep_by_patient(sp, hash)
        for hash in token.typed_of(value):
            indexed.add("ix_token", sp, hash)
    _write_texts(indexed, sp, values)


def _write_texts(indexed: Indexed, sp: int, values: list[Any]) -> None:
    for row in token_text.rows(values):
        indexed.add("ix_string", sp, *row)


def _write_string(
    indexed: Indexed, entry: _Entry, values: list[Any], resource: dict[str, Any], facility: Facility
) -> None:
    for value in values:
        for text in string.strings_of(value):
            for row in string.rows(text):
                indexed.add("ix_string", entry.sp, *row)


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
            for hash in token_hashes(identifier.get("system"), identifier.get("value")):
                indexed.add("ix_token", entry.sp, hash)


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


def _write_composite(
    indexed: Indexed, entry: _Entry, values: list[Any], resource: dict[str, Any], facility: Facility
) -> None:
    for value in values:
        for table, hash, second in composite.pairs_of(entry.parameter.components, value, resource, facility):
            indexed.pair(entry.sp, table, hash, second)


_WRITES: dict[str, _Write] = {
    "token": _write_token,
    "string": _write_string,
    "reference": _write_reference,
    "date": _write_date,
    "number": _write_number,
    "quantity": _write_quantity,
    "uri": _write_uri,
    "composite": _write_composite,
}
