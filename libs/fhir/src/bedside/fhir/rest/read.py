"""read: https://hl7.org/fhir/R4/http.html#read"""

from starlette.responses import Response

from bedside.fhir.rest.binary import raw_answer
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.negotiation import preference
from bedside.fhir.rest.reading import version_read
from bedside.fhir.rest.versions import shown
from bedside.fhir.search import subset


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
    if exchange.type_name == "Binary" and (raw := raw_answer(exchange.request, exchange.pairs, version)) is not None:
        return raw
    return shown(exchange, version, subset.asked(pairs, exchange.type_name))


READ = Interaction("read", "GET", "/{type_name}/{id}", "r", _read)
