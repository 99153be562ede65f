"""read: https://hl7.org/fhir/R4/http.html#read"""

from starlette.responses import Response

from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.negotiation import preference
from bedside.fhir.rest.reading import version_read
from bedside.fhir.rest.versions import shown


async def _read(exchange: Exchange) -> Response:
    pairs = exchange.search_pairs
    version = await version_read(
        exchange.engine.store.database,
        exchange.engine,
        exchange.caller,
        exchange.type_name,
        exchange.id,
        pairs,
        lenient=bool(pairs) and preference(exchange.request, "handling") == "lenient",
    )
    return shown(exchange, version)


READ = Interaction("read", "GET", "/{type_name}/{id}", "r", _read)
