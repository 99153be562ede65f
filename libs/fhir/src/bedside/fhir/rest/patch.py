"""patch, by id or by criteria: https://hl7.org/fhir/R4/http.html#patch"""

from starlette.responses import Response

from bedside.fhir import exact_json
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.patches.reading import patch_of, refuse_other_format
from bedside.fhir.rest.confinement import purview_of
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.versions import answered
from bedside.fhir.rest.writing import criteria_of, if_match_of
from bedside.fhir.store.draft import Draft


async def _patch(exchange: Exchange) -> Response:
    media_type = exchange.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    refuse_other_format(media_type)
    try:
        sent = exact_json.parse(await exchange.body())
    except exact_json.Malformed as malformed:
        raise Refused(400, [Issue("structure", str(malformed))]) from malformed
    draft = Draft(
        "patch",
        exchange.type_name,
        exchange.id,
        criteria=None if exchange.id else criteria_of(exchange),
        patch=patch_of(media_type, sent),
        if_match=if_match_of(exchange),
        purview=purview_of(exchange.caller),
    )
    (written,) = await exchange.engine.store.commit([draft], exchange.author)
    return answered(exchange, written)


PATCH = Interaction("patch", "PATCH", "/{type_name}/{id}", "u", _patch)
PATCH_BY_CRITERIA = Interaction("patch", "PATCH", "/{type_name}", "u", _patch)
