"""create, also conditional: https://hl7.org/fhir/R4/http.html#create"""

import uuid

from starlette.responses import Response

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.confinement import purview_of
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.versions import answered
from bedside.fhir.rest.writing import criteria_of, refuse_other_type
from bedside.fhir.store.draft import Draft
from bedside.fhir.store.preparing import prepare


async def _create(exchange: Exchange) -> Response:
    resource = await exchange.sent()
    refuse_other_type(resource, exchange.type_name)
    draft = Draft(
        "create",
        exchange.type_name,
        str(uuid.uuid4()),
        resource,
        if_none_exist=_condition(exchange),
        purview=purview_of(exchange.caller),
    )
    prepare(exchange.engine.service, [draft])
    (written,) = await exchange.engine.store.commit([draft], exchange.author)
    return answered(exchange, written)


def _condition(exchange: Exchange) -> str | None:
    """R4 says the criteria in a header; several clients say them in the address, and passed over they would double."""
    header = exchange.request.headers.get("if-none-exist")
    if header is not None and exchange.search_pairs:
        text = "say the criteria once: in If-None-Exist, or in the address"
        raise Refused(400, [Issue("invalid", text)])
    return criteria_of(exchange) if exchange.search_pairs else header


CREATE = Interaction("create", "POST", "/{type_name}", "c", _create)
