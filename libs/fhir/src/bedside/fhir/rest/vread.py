"""vread: https://hl7.org/fhir/R4/http.html#vread"""

from starlette.responses import Response

from bedside.fhir.rest.binary import raw_answer
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.reading import version_vread
from bedside.fhir.rest.versions import ABSENT, shown


async def _vread(exchange: Exchange) -> Response:
    number = exchange.request.path_params["version"]
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise ABSENT
    database = exchange.engine.store.database
    version = await version_vread(database, exchange.caller, exchange.type_name, exchange.id, int(number))
    if exchange.type_name == "Binary" and (raw := raw_answer(exchange.request, exchange.pairs, version)) is not None:
        return raw
    return shown(exchange, version)


VREAD = Interaction("vread", "GET", "/{type_name}/{id}/_history/{version}", "r", _vread)
