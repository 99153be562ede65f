"""Which two records a merge, or the undoing of one, is about."""

from typing import Any, NamedTuple

from bedside.fhir import exact_json
from bedside.fhir.operations.arguments import Arguments
from bedside.fhir.operations.operation import Parameter
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.confinement import purview_of
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.searching import understood
from bedside.fhir.search.context import Context
from bedside.fhir.search.running import run
from bedside.fhir.store import current
from bedside.fhir.store.references import local
from bedside.identity.roles import permissions

PAIR = (
    Parameter("source-patient", "Reference"),
    Parameter("source-patient-identifier", "Identifier", repeats=True),
    Parameter("target-patient", "Reference"),
    Parameter("target-patient-identifier", "Identifier", repeats=True),
)


class Record(NamedTuple):
    """A patient's current version."""

    id: str
    version: current.Version
    patient: dict[str, Any]


async def pair(exchange: Exchange, arguments: Arguments) -> tuple[Record, Record]:
    """Source and target. Refused when either cannot be told or is not there, or both are one, or it is not theirs to
    do: persons need the right to merge, programs the scope."""
    roles = exchange.caller.roles
    if roles and "merge" not in permissions(roles):
        raise Refused(403, [Issue("forbidden", "no role of this person may merge records")])
    source, target = await _record(exchange, arguments, "source"), await _record(exchange, arguments, "target")
    if source.id == target.id:
        raise Refused(422, [Issue("business-rule", "source and target are the same record")])
    return source, target


async def _record(exchange: Exchange, arguments: Arguments, which: str) -> Record:
    name = f"{which}-patient"
    id = await _id(exchange, arguments, name)
    reader = exchange.engine.store.database
    version = await current.read(reader, "Patient", id)
    purview = purview_of(exchange.caller)
    if version is None or version.deleted or not await current.is_within(reader, purview, "u", "Patient", version):
        raise Refused(404, [Issue("not-found", f"Parameter {name}: there is no such patient")])
    return Record(id, version, exact_json.parse(version.body))


async def _id(exchange: Exchange, arguments: Arguments, name: str) -> str:
    reference, identifiers = arguments.object(name), arguments.all(f"{name}-identifier")
    if (reference is None) == (not identifiers):
        text = f"Parameter {name} or {name}-identifier is needed, and not both"
        raise Refused(400, [Issue("required", text)])
    if reference is None:
        return await _identified(exchange, name, identifiers)
    text = str(reference.get("reference", "")).removeprefix(f"{exchange.engine.base_url}/")
    type_name, _, id = (local(text) or "").partition("/")
    if type_name != "Patient":
        raise Refused(400, [Issue("value", f"Parameter {name} refers to Patient/id")])
    return id


async def _identified(exchange: Exchange, name: str, identifiers: tuple[Any, ...]) -> str:
    """The one patient who bears all of them."""
    pairs = [("identifier", _token(name, identifier)) for identifier in identifiers] + [("_count", "2")]
    query = understood(exchange.engine, exchange.caller, Context.of_type("Patient"), pairs, handling="strict")
    page = await run(exchange.engine.store.database, query, purview=purview_of(exchange.caller))
    if len(page.matches) != 1:
        code, told = ("not-found", "no patient") if not page.matches else ("multiple-matches", "several patients")
        raise Refused(404 if not page.matches else 412, [Issue(code, f"Parameter {name}-identifier: {told} bear it")])
    return page.matches[0].id


def _token(name: str, identifier: dict[str, Any]) -> str:
    if not identifier.get("value"):
        raise Refused(400, [Issue("required", f"Parameter {name}-identifier has a value")])
    parts = [_escaped(identifier[part]) for part in ("system", "value") if identifier.get(part)]
    return "|".join(parts)


def _escaped(text: str) -> str:
    for mark in ("\\", ",", "|", "$"):
        text = text.replace(mark, f"\\{mark}")
    return text
