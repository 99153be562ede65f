"""search of all types, or those of `_type`: https://hl7.org/fhir/R4/http.html#search"""

from starlette.responses import Response

from bedside.fhir.rest.confinement import purview_of
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.search import answer, asked_pairs
from bedside.fhir.search import context


async def _search(exchange: Exchange) -> Response:
    owned = exchange.engine.service.types
    searchable = {name for name in owned if purview_of(exchange.caller).permits("s", name)}
    where, pairs = context.of_types("", await asked_pairs(exchange), searchable=searchable, owned=owned)
    return await answer(exchange, where, pairs)


SEARCH_SYSTEM = Interaction("search-system", "GET", "/", "entries", _search)
SEARCH_SYSTEM_BY_POST = Interaction("search-system", "POST", "/_search", "entries", _search)
