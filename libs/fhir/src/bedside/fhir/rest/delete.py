"""delete, safe to repeat: https://hl7.org/fhir/R4/http.html#delete"""

from starlette.responses import Response

from bedside.fhir.rest.confinement import purview_of
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.versions import version_of
from bedside.fhir.store.draft import Draft


async def _delete(exchange: Exchange) -> Response:
    headers = exchange.request.headers
    draft = Draft(
        "delete",
        exchange.type_name,
        exchange.id,
        if_match=version_of(headers["if-match"]) if "if-match" in headers else None,
        purview=purview_of(exchange.caller),
    )
    (written,) = await exchange.engine.store.commit([draft], exchange.author)
    etag = {"etag": f'W/"{written.version}"'} if written.version else None
    return Response(status_code=204, headers=etag)


DELETE = Interaction("delete", "DELETE", "/{type_name}/{id}", "d", _delete)
