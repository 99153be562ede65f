"""The criterion of a compartment search: what lies in the compartment of one resource.

http://hl7.org/fhir/R4/compartmentdefinition.html
"""

from collections.abc import Sequence

from bedside.fhir.definitions import definitions
from bedside.fhir.search.context import Owner
from bedside.fhir.search.criteria import Criterion, Indexed, ReferenceIs, Rows, Statement, sp_among
from bedside.fhir.search.parameters import parameters

# How the definitions say that the resource itself lies in its own compartment.
_ITSELF = "{def}"


def within(owner: Owner, type_names: Sequence[str]) -> Criterion:
    """That a resource of these types lies in the compartment. Of a resource that does not exist, nothing does."""
    return _within_patient(owner, type_names) if owner.type_name == "Patient" else _by_references(owner, type_names)


def _within_patient(owner: Owner, type_names: Sequence[str]) -> Criterion:
    type_ids = ", ".join(str(definitions().type_id(name)) for name in type_names)

    def where(statement: Statement, i: str) -> str:
        return f"{i}.crid = {statement.resource(*owner)} AND {i}.type_id IN ({type_ids})"

    return ReferenceIs((Rows("compartment", where, exact=len(type_names) == 1),), patient=owner.id)


def _by_references(owner: Owner, type_names: Sequence[str]) -> Criterion:
    sps = sorted({sp for name in type_names for sp in _sps(owner.type_name, name)})

    def refers(statement: Statement, i: str) -> str:
        return f"{sp_among(i, sps)} AND {i}.trid = {statement.resource(*owner)}"

    def is_owner(statement: Statement, i: str) -> str:
        return f"{i}.rid = {statement.resource(*owner)}"

    any_of = [Rows("ix_ref", refers)] if sps else []
    if owner.type_name in type_names and _ITSELF in _codes(owner.type_name, owner.type_name):
        any_of.append(Rows("version", is_owner))
    return Indexed(tuple(any_of))


def _codes(compartment: str, type_name: str) -> tuple[str, ...]:
    return definitions().compartment_parameters(compartment, type_name)


def _sps(compartment: str, type_name: str) -> tuple[int, ...]:
    every = parameters(type_name)
    return tuple(
        sp
        for code in _codes(compartment, type_name)
        if code in every and every[code].kind == "reference"
        for sp in every[code].sps
    )
