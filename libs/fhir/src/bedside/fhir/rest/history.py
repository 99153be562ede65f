"""history of one resource, of a type and of the whole service: https://hl7.org/fhir/R4/http.html#history"""

from collections.abc import Sequence

from starlette.responses import Response

from bedside.events.database.port import Reader
from bedside.fhir.history import running
from bedside.fhir.history.asked import Asked, Pair, asked
from bedside.fhir.history.entries import add_version
from bedside.fhir.history.running import Place
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.composed import Part, part_of
from bedside.fhir.rest.confinement import purview_of, refuse_unless
from bedside.fhir.rest.engine import Engine
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.known import http_date
from bedside.fhir.rest.negotiation import preference
from bedside.fhir.rest.page_links import link
from bedside.fhir.rest.splicing import Bundle
from bedside.fhir.rest.versions import ABSENT
from bedside.fhir.search.paging import seal, unseal
from bedside.identity import Caller


async def history(
    reader: Reader,
    engine: Engine,
    caller: Caller,
    pairs: Sequence[Pair],
    *,
    type_name: str | None = None,
    id: str | None = None,
    lenient: bool = False,
    part: Part | None = None,
) -> tuple[Bundle, int | None]:
    """Of one resource, of a type, or of everything; and when its newest version was made (microseconds UTC).

    Refused with 403 without the scope, 404 when there is no version that the caller may see. `part` is set where the
    gateway composes.
    """
    purview = purview_of(caller)
    places = _places(engine, caller, type_name, id)
    address = "/".join(part for part in (type_name, id, "_history") if part)
    understood = asked(address, [place.type_name for place in places], pairs, lenient=lenient)
    who = (caller.subject, caller.client_id, caller.patient or "", *sorted(caller.roles))
    after = unseal(understood, key=engine.page_key, caller=who)
    page = await running.run(
        reader, understood, places, purview=purview, after=after, snapshot=part.snapshot if part else None
    )
    if id is not None and not page.versions and not await running.is_known(reader, places[0], purview):
        raise ABSENT
    following = None if page.next is None else seal(page.next, understood, key=engine.page_key, caller=who)
    return _bundle(engine, understood, page, following), page.versions[0].updated if page.versions else None


def _places(engine: Engine, caller: Caller, type_name: str | None, id: str | None) -> list[Place]:
    """Where to look; the types that may not be searched are left out of the service's history."""
    if type_name is not None:
        place = Place(type_name, id)
        refuse_unless(caller, place.letter, type_name)
        return [place]
    purview = purview_of(caller)
    places = [Place(name) for name in sorted(engine.service.types) if purview.permits("s", name)]
    if not places:
        raise Refused(403, [Issue("forbidden", "no granted scope permits to search any type of this service")])
    return places


def _bundle(engine: Engine, understood: Asked, page: running.Page, following: str | None) -> Bundle:
    address = f"{engine.base_url}/{understood.address}"
    bundle = Bundle("history", total=page.total)
    bundle.link("self", link(address, understood.applied))
    if following is not None:
        bundle.link("next", link(address, [*understood.applied, ("_page", following)]))
    for version in page.versions:
        add_version(bundle, version, base_url=engine.base_url)
    return bundle


async def _history(exchange: Exchange) -> Response:
    engine, wanted = exchange.engine, exchange.wanted
    bundle, newest = await history(
        engine.store.database,
        engine,
        exchange.caller,
        exchange.search_pairs,
        type_name=exchange.type_name or None,
        id=exchange.id or None,
        lenient=preference(exchange.request, "handling") == "lenient",
        part=part_of(exchange.request),
    )
    headers = None if newest is None else {"last-modified": http_date(newest)}
    return Response(wanted.body(bundle.bytes()), headers=headers, media_type=wanted.media_type)


HISTORY = Interaction("history-instance", "GET", "/{type_name}/{id}/_history", "r", _history)
HISTORY_OF_TYPE = Interaction("history-type", "GET", "/{type_name}/_history", "s", _history)
HISTORY_OF_ALL = Interaction("history-system", "GET", "/_history", "entries", _history)
