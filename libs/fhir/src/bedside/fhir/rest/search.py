"""search of one type, by GET and by POST: https://hl7.org/fhir/R4/http.html#search"""

from starlette.responses import Response

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.composed import part_of
from bedside.fhir.rest.exchange import Exchange, query_pairs
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.negotiation import preference
from bedside.fhir.rest.page_links import pairs_meant
from bedside.fhir.rest.searching import searched, told_apart
from bedside.fhir.search.context import Context

_FORM = "application/x-www-form-urlencoded"


async def _search(exchange: Exchange) -> Response:
    return await answer(exchange, Context.of_type(exchange.type_name), await asked_pairs(exchange))


async def asked_pairs(exchange: Exchange) -> list[tuple[str, str]]:
    """The parameters: of the address, of the form that was posted, or of the page that a link carried."""
    sent = await _sent_pairs(exchange)
    return pairs_meant(sent, key=exchange.engine.page_key, caller=told_apart(exchange.caller))


async def _sent_pairs(exchange: Exchange) -> list[tuple[str, str]]:
    if exchange.request.method != "POST":
        return exchange.search_pairs
    sent = exchange.request.headers.get("content-type", _FORM)
    body = await exchange.body()
    if body and sent.partition(";")[0].strip().lower() != _FORM:
        raise Refused(415, [Issue("not-supported", f"send {_FORM}")])
    try:
        form = query_pairs(body.decode())
    except UnicodeDecodeError as error:
        raise Refused(400, [Issue("structure", "the form is not UTF-8")]) from error
    # Parameters in the address count too: https://hl7.org/fhir/R4/http.html#search
    return exchange.search_pairs + form


async def answer(exchange: Exchange, context: Context, pairs: list[tuple[str, str]]) -> Response:
    """The page as a response."""
    engine = exchange.engine
    bundle = await searched(
        engine.store.database,
        engine,
        exchange.caller,
        context,
        pairs,
        handling=preference(exchange.request, "handling") or "strict",
        part=part_of(exchange.request),
    )
    return Response(exchange.wanted.body(bundle.bytes()), media_type=exchange.wanted.media_type)


SEARCH = Interaction("search-type", "GET", "/{type_name}", "s", _search)
SEARCH_BY_POST = Interaction("search-type", "POST", "/{type_name}/_search", "s", _search)
