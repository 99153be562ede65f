"""$validate: what would be said of a resource, without keeping it. https://hl7.org/fhir/R4/resource-operation-validate.html

Without a mode the content alone is judged. With one the write is rehearsed: carried out in a transaction that is then
given up, so that references, rules, identifiers and versions are judged as they would be.
"""

import uuid
from typing import Any

from starlette.responses import Response

from bedside.fhir import exact_json
from bedside.fhir.operations.answering import answered
from bedside.fhir.operations.arguments import Arguments
from bedside.fhir.operations.operation import Operation, Parameter
from bedside.fhir.outcome import Issue, Refused, operation_outcome
from bedside.fhir.profiles import declared, held, judged
from bedside.fhir.rest.confinement import is_hidden, purview_of, refuse_unless
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.versions import ABSENT, GONE
from bedside.fhir.search.purview import Letter
from bedside.fhir.store import current
from bedside.fhir.store.draft import Draft, Kind
from bedside.fhir.store.preparing import prepare
from bedside.fhir.validation import validate

_MODES: dict[str, tuple[Kind, Letter]] = {
    "create": ("create", "c"),
    "update": ("update", "u"),
    "delete": ("delete", "d"),
}


async def _validate(exchange: Exchange, arguments: Arguments) -> Response:
    mode = arguments.text("mode")
    if mode is not None and mode not in _MODES:
        raise Refused(400, [Issue("value", "Parameter mode is create, update or delete")])
    resource = arguments.object("resource")
    issues: list[Issue] = []
    if mode != "delete":
        resource = resource if resource is not None else await _stored(exchange)
        issues = _content(resource, exchange.type_name, arguments.text("profile"))
    if mode is not None and not _errors(issues):
        issues += await _rehearsed(exchange, mode, resource)
    return answered(exchange, operation_outcome(issues))


async def _stored(exchange: Exchange) -> dict[str, Any]:
    """What is at the address, when nothing was sent."""
    if not exchange.id:
        raise Refused(400, [Issue("required", "Parameter resource is needed")])
    database = exchange.engine.store.database
    refuse_unless(exchange.caller, "r", exchange.type_name)
    version = await current.read(database, exchange.type_name, exchange.id)
    if version is None or await is_hidden(database, exchange.caller, exchange.type_name, version):
        raise ABSENT
    if version.deleted:
        raise GONE
    stored: dict[str, Any] = exact_json.parse(version.body)
    return stored


def _content(resource: dict[str, Any], type_name: str, profile: str | None) -> list[Issue]:
    """Of R4 itself, then of the profile that is asked for and those that the resource declares."""
    if resource["resourceType"] != type_name:
        return [Issue("invalid", f"resourceType must be {type_name}, as in the address", f"{type_name}.resourceType")]
    issues = validate(resource)
    if _errors(issues):
        return issues
    if profile is not None and held().profile(profile) is None:
        raise Refused(404, [Issue("not-found", "this profile is not held here; metadata tells which are")])
    for url in dict.fromkeys([*([profile] if profile else []), *declared(resource)]):
        known = held().profile(url)
        if known is None:
            text = "a profile that the resource declares is not held here, so it was not judged"
            issues.append(Issue("not-found", text, f"{type_name}.meta.profile", severity="warning"))
            continue
        judgement = judged(resource, known, type_name)
        issues += [*judgement.issues, *judgement.notes(known)]
    return issues


async def _rehearsed(exchange: Exchange, mode: str, resource: dict[str, Any] | None) -> list[Issue]:
    """What a write of it would be refused for."""
    kind, letter = _MODES[mode]
    refuse_unless(exchange.caller, letter, exchange.type_name)
    if kind != "create" and not exchange.id:
        raise Refused(400, [Issue("value", f"mode {mode} is asked of one resource: Type/id/$validate")])
    if kind == "update" and resource is not None and resource.get("id", exchange.id) != exchange.id:
        return [Issue("value", "id must be the id in the address", f"{exchange.type_name}.id")]
    id = exchange.id if kind != "create" else str(uuid.uuid4())
    draft = Draft(kind, exchange.type_name, id, resource, purview=purview_of(exchange.caller))
    try:
        prepare(exchange.engine.service, [draft])
        await exchange.engine.store.rehearse([draft], exchange.author)
    except Refused as refused:
        return list(refused.issues)
    return []


def _errors(issues: list[Issue]) -> bool:
    return any(issue.severity in ("fatal", "error") for issue in issues)


VALIDATE = Operation(
    code="validate",
    definition="http://hl7.org/fhir/OperationDefinition/Resource-validate",
    levels=("type", "instance"),
    handle=_validate,
    scope=(),
    parameters=(Parameter("resource", "Resource"), Parameter("mode", "code"), Parameter("profile", "uri")),
)
