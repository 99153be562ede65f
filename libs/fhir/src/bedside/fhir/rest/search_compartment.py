"""search in the compartment of one resource: https://hl7.org/fhir/R4/http.html#search

`Patient/p1/Observation?code=…`, `Patient/p1/*`. The resource may be kept elsewhere: what refers to it is kept here.
"""

from starlette.responses import Response

from bedside.fhir.definitions import definitions
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.confinement import purview_of
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.search import answer, asked_pairs
from bedside.fhir.search import context
from bedside.fhir.search.context import Context, Owner


async def _search(exchange: Exchange) -> Response:
    owner = Owner(exchange.request.path_params["compartment"], exchange.id)
    return await answer(exchange, context_within(owner, exchange.type_name), await asked_pairs(exchange))


def context_within(owner: Owner, type_name: str) -> Context:
    """The resources of one type in one compartment. Refused with 404 where R4 puts none."""
    _refuse_other(owner)
    if not definitions().compartment_parameters(owner.type_name, type_name):
        raise Refused(404, [Issue("not-supported", f"no {type_name} lies in the compartment of a {owner.type_name}")])
    return Context((type_name,), f"{owner.type_name}/{owner.id}/{type_name}", owner)


async def _search_all(exchange: Exchange) -> Response:
    owner = Owner(exchange.request.path_params["compartment"], exchange.id)
    _refuse_other(owner)
    owned = exchange.engine.service.types
    where, pairs = context.of_types(
        f"{owner.type_name}/{owner.id}/*",
        await asked_pairs(exchange),
        searchable={name for name in owned if purview_of(exchange.caller).permits("s", name)},
        owned=owned,
        compartment=owner,
    )
    return await answer(exchange, where, pairs)


def _refuse_other(owner: Owner) -> None:
    if owner.type_name not in definitions().compartments:
        raise Refused(404, [Issue("not-supported", "resources of this type have no compartment")])


_IN = "/{compartment}/{id}"
SEARCHES_OF_COMPARTMENTS = (
    Interaction("search-compartment", "POST", f"{_IN}/_search", "entries", _search_all),
    Interaction("search-compartment", "GET", f"{_IN}/*", "entries", _search_all),
    Interaction("search-compartment", "POST", f"{_IN}/*/_search", "entries", _search_all),
    Interaction("search-compartment", "GET", f"{_IN}/{{type_name}}", "s", _search),
    Interaction("search-compartment", "POST", f"{_IN}/{{type_name}}/_search", "s", _search),
)
