"""update, also as create: https://hl7.org/fhir/R4/http.html#update"""

import uuid

from starlette.responses import Response

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.confinement import purview_of, refuse_unless
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.versions import answered
from bedside.fhir.rest.writing import criteria_of, if_match_of, refuse_other_id, refuse_other_type
from bedside.fhir.store.draft import Draft
from bedside.fhir.store.preparing import prepare


async def _update(exchange: Exchange) -> Response:
    headers = exchange.request.headers
    create_only = headers.get("if-none-match", "").strip() == "*"
    if "if-none-match" in headers and not create_only:
        raise Refused(400, [Issue("not-supported", "If-None-Match of an update can only be *")])
    refuse_unless(exchange.caller, "c" if create_only else "u", exchange.type_name)
    resource = await exchange.sent()
    refuse_other_type(resource, exchange.type_name)
    draft = Draft(
        "update",
        exchange.type_name,
        exchange.id,
        resource,
        if_match=if_match_of(exchange),
        create_only=create_only,
        purview=purview_of(exchange.caller),
    )
    if exchange.id:
        refuse_other_id(resource, exchange.type_name, exchange.id)
    else:
        draft.criteria = criteria_of(exchange)
        draft.sent_id = resource.get("id")
        draft.new_id = draft.sent_id or str(uuid.uuid4())
    prepare(exchange.engine.service, [draft])
    (written,) = await exchange.engine.store.commit([draft], exchange.author)
    return answered(exchange, written)


UPDATE = Interaction("update", "PUT", "/{type_name}/{id}", "entries", _update)
UPDATE_BY_CRITERIA = Interaction("update", "PUT", "/{type_name}", "entries", _update)
