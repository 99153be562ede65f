"""create, also conditional: https://hl7.org/fhir/R4/http.html#create"""

import uuid

from starlette.responses import Response

from bedside.fhir.rest.confinement import purview_of
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.versions import answered
from bedside.fhir.rest.writing import refuse_other_type
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
        if_none_exist=exchange.request.headers.get("if-none-exist"),
        purview=purview_of(exchange.caller),
    )
    prepare(exchange.engine.service, [draft])
    (written,) = await exchange.engine.store.commit([draft], exchange.author)
    return answered(exchange, written)


CREATE = Interaction("create", "POST", "/{type_name}", "c", _create)
