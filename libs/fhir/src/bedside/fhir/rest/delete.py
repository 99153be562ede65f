"""delete, by id or by criteria, safe to repeat: https://hl7.org/fhir/R4/http.html#delete

`_cascade=delete` takes along what refers to the resource; without it that is a conflict.
"""

from starlette.responses import Response

from bedside.fhir.outcome import Issue
from bedside.fhir.rest.confinement import purview_of
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.negotiation import preference
from bedside.fhir.rest.refusals import outcome
from bedside.fhir.rest.writing import cascades, criteria_of, if_match_of
from bedside.fhir.store.draft import Draft


async def _delete(exchange: Exchange) -> Response:
    draft = Draft(
        "delete",
        exchange.type_name,
        exchange.id,
        criteria=None if exchange.id else criteria_of(exchange),
        if_match=if_match_of(exchange),
        cascades=cascades(exchange),
        purview=purview_of(exchange.caller),
    )
    (written,) = await exchange.engine.store.commit([draft], exchange.author)
    etag = {"etag": f'W/"{written.version}"'} if written.version else None
    if preference(exchange.request, "return") == "OperationOutcome":
        return outcome(200, Issue("informational", "the resource is deleted", severity="information"), headers=etag)
    return Response(status_code=204, headers=etag)


DELETE = Interaction("delete", "DELETE", "/{type_name}/{id}", "d", _delete)
DELETE_BY_CRITERIA = Interaction("delete", "DELETE", "/{type_name}", "d", _delete)
