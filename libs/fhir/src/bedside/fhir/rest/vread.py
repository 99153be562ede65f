"""vread: https://hl7.org/fhir/R4/http.html#vread"""

from starlette.responses import Response

from bedside.fhir.rest.confinement import is_hidden
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.versions import ABSENT, GONE, shown
from bedside.fhir.store import current


async def _vread(exchange: Exchange) -> Response:
    number = exchange.request.path_params["version"]
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise ABSENT
    database = exchange.engine.store.database
    version = await current.vread(database, exchange.type_name, exchange.id, int(number))
    if version is None or await is_hidden(database, exchange.caller, exchange.type_name, version):
        raise ABSENT
    if version.deleted:
        raise GONE
    return shown(exchange, version)


VREAD = Interaction("vread", "GET", "/{type_name}/{id}/_history/{version}", "r", _vread)
