"""Invoking an operation, on everything, on a type or on one resource: https://hl7.org/fhir/R4/operations.html#invoking"""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bedside.fhir.operations.arguments import arguments_of
from bedside.fhir.operations.operation import Level, Operation
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.confinement import refuse_unless
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.page_links import pairs_meant
from bedside.fhir.rest.searching import told_apart


async def _invoke(exchange: Exchange) -> Response:
    operation = _asked_for(exchange)
    posted = exchange.request.method == "POST"
    if operation.affects_state and not posted:
        raise HTTPException(405, headers={"allow": "POST"})
    if exchange.type_name:
        for letter in operation.scope:
            refuse_unless(exchange.caller, letter, exchange.type_name)
    sent = await exchange.sent_if_any() if posted else None
    pairs = pairs_meant(exchange.search_pairs, key=exchange.engine.page_key, caller=told_apart(exchange.caller))
    return await operation.handle(exchange, arguments_of(operation, pairs, sent))


def _asked_for(exchange: Exchange) -> Operation:
    code = exchange.request.path_params["operation"]
    level: Level = "instance" if exchange.id else "type" if exchange.type_name else "system"
    for operation in exchange.engine.operations:
        if operation.code == code and operation.serves(level, exchange.type_name, exchange.engine.service.types):
            return operation
    raise Refused(404, [Issue("not-supported", "there is no such operation here")])


OPERATION_INTERACTIONS = tuple(
    Interaction("operation", method, path, "entries", _invoke)
    for path in ("/${operation}", "/{type_name}/${operation}", "/{type_name}/{id}/${operation}")
    for method in ("GET", "POST")
)
