"""References to other resources. http://hl7.org/fhir/R4/search.html#reference"""

import re
from dataclasses import replace
from typing import Any, NamedTuple

from bedside.fhir.definitions import definitions
from bedside.fhir.search.asked import Asked, Facility
from bedside.fhir.search.criteria import Criterion, Either, Indexed, ReferenceIs, Rows, Statement, sp_among
from bedside.fhir.search.escaping import unescaped
from bedside.fhir.search.parameter_types import token, uri

_LOCAL = re.compile(r"([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)


class Local(NamedTuple):
    type_name: str
    id: str


def local(text: str, facility: Facility) -> Local | None:
    """The resource of our own that a reference names; None for contained, foreign and logical ones."""
    base = facility.base_url
    if base and text.startswith(base):
        text = text[len(base) :].lstrip("/")
    found = _LOCAL.fullmatch(text)
    if found is None or found[1] not in definitions().resource_types:
        return None
    return Local(found[1], found[2])


def text_of(value: Any) -> str | None:
    """Of a Reference, or of a canonical or uri."""
    text = value.get("reference") if isinstance(value, dict) else value
    return text if isinstance(text, str) and text and not text.startswith("#") else None


def criterion(asked: Asked) -> Criterion:
    if asked.modifier == "identifier":
        return token.criterion(replace(asked, modifier=None))
    type_names = (asked.modifier,) if asked.modifier else asked.targets
    if asked.modifier:
        asked.allow((*asked.targets, "identifier"))
    criteria: list[Criterion] = []
    ids: dict[str, list[str]] = {}
    for value in map(unescaped, asked.values):
        named = _named(asked, value, type_names)
        if named is not None:
            ids.setdefault(named.type_name, []).append(named.id)
        elif _ID.fullmatch(value):
            criteria.append(_of_any_type(asked, value, type_names))
        else:
            criteria.append(_elsewhere(asked, value))
    criteria += [_among(asked, type_name, found) for type_name, found in ids.items()]
    return criteria[0] if len(criteria) == 1 else Either(tuple(criteria))


def _named(asked: Asked, value: str, type_names: tuple[str, ...]) -> Local | None:
    """The one resource of ours that the value names."""
    named = local(value, asked.facility)
    if named is None and _ID.fullmatch(value) and len(type_names) == 1:
        return Local(type_names[0], value)
    if named is not None and asked.modifier and named.type_name != asked.modifier:
        asked.refuse("the reference names another type than the modifier")
    return named


def _elsewhere(asked: Asked, value: str) -> Criterion:
    if "://" not in value and not value.startswith("urn:"):
        asked.refuse("a reference is written as id, Type/id or an absolute URL")
    return uri.is_one_of(asked.sps, (uri.shortened(value),))


def _among(asked: Asked, type_name: str, ids: list[str]) -> Criterion:
    if len(ids) == 1:
        return _is(asked, Local(type_name, ids[0]))

    def where(statement: Statement, i: str) -> str:
        return f"{sp_among(i, asked.sps)} AND {i}.trid IN ({statement.resources((type_name,), ids)})"

    return Indexed((Rows("ix_ref", where),))


def _is(asked: Asked, named: Local) -> Criterion:
    def where(statement: Statement, i: str) -> str:
        return f"{sp_among(i, asked.sps)} AND {i}.trid = {statement.resource(*named)}"

    rows = Rows("ix_ref", where, exact=len(asked.sps) == 1)
    patient = named.id if named.type_name == "Patient" and _within_compartment(asked) else None
    return ReferenceIs((rows,), patient=patient)


def _within_compartment(asked: Asked) -> bool:
    """Whether all that this parameter finds for a patient lies in the patient's compartment."""
    held = definitions().compartment_parameters("Patient", asked.type_name)
    # `patient` is `subject` where that is a Patient.
    return asked.code in held or (asked.code == "patient" and "subject" in held)


def _of_any_type(asked: Asked, id: str, type_names: tuple[str, ...]) -> Criterion:
    if not type_names:
        asked.refuse("the reference needs its type: Type/id")
    type_ids = ", ".join(str(definitions().type_id(name)) for name in sorted(type_names))

    def where(statement: Statement, i: str) -> str:
        within = f"SELECT rid FROM resource WHERE type_id IN ({type_ids}) AND fid = {statement.bind(id)}"
        return f"{sp_among(i, asked.sps)} AND {i}.trid IN ({within})"

    return Indexed((Rows("ix_ref", where),))
