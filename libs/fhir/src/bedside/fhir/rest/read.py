"""read: https://hl7.org/fhir/R4/http.html#read"""

from starlette.responses import Response

from bedside.fhir.rest.confinement import is_hidden
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.versions import ABSENT, GONE, shown
from bedside.fhir.store import current


async def _read(exchange: Exchange) -> Response:
    database = exchange.engine.store.database
    version = await current.read(database, exchange.type_name, exchange.id)
    if version is None or await is_hidden(database, exchange.caller, exchange.type_name, version):
        raise ABSENT
    if version.deleted:
        raise GONE
    return shown(exchange, version)


READ = Interaction("read", "GET", "/{type_name}/{id}", "r", _read)
