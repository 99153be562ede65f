"""`POST /internal/matching`: the half of a chained search whose other half belongs to another owner.

The gateway asks in the caller's name, so that scopes and compartment hold here as in any search. All searches of one
request see one snapshot, and the answer names it: a later page asks for the same.
"""

from typing import Any

import orjson
from starlette.responses import Response

from bedside.events.database.port import Reader
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.as_of import PARAMETER as AS_OF
from bedside.fhir.rest.as_of import snapshot_of
from bedside.fhir.rest.confinement import purview_of, refuse_unless
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.searching import understood
from bedside.fhir.search.context import Context
from bedside.fhir.search.matching import FOUND_MAX, Referred, matching, now
from bedside.fhir.search.parameters import parameters

SEARCHES_MAX = 100
_SHAPE = "send {searches: [{type, criteria: [[name, value]], referred?: {by, target}}], snapshot? or asOf?}"


async def _matching(exchange: Exchange) -> Response:
    searches, snapshot, past = _asked(await exchange.body())
    for search in searches:
        _refuse_unknown(exchange, search)
        refuse_unless(exchange.caller, "s", search["type"])
    async with exchange.engine.store.database.snapshot() as reader:
        if snapshot is None:
            snapshot = await snapshot_of(reader, exchange.engine, past)
        seen = await now(reader) if snapshot is None else snapshot
        found = [await _found(exchange, reader, search, seen) for search in searches]
    answer = [{"ids": sorted(ids[:FOUND_MAX]), "complete": len(ids) <= FOUND_MAX} for ids in found]
    return Response(orjson.dumps({"found": answer, "snapshot": seen}), media_type="application/json")


async def _found(exchange: Exchange, reader: Reader, search: dict[str, Any], snapshot: int) -> list[str]:
    pairs = [(name, value) for name, value in search["criteria"]]
    context = Context.of_type(search["type"])
    query = understood(exchange.engine, exchange.caller, context, pairs, handling="strict")
    return await matching(
        reader, query, referred=_referred(search), purview=purview_of(exchange.caller), snapshot=snapshot
    )


def _referred(search: dict[str, Any]) -> Referred | None:
    asked = search.get("referred")
    if asked is None:
        return None
    parameter = parameters(search["type"]).get(asked["by"])
    if parameter is None or parameter.kind != "reference" or asked["target"] not in parameter.targets:
        raise Refused(400, [Issue("value", "referred.by is a reference parameter that may point at referred.target")])
    return Referred(parameter.sps, asked["target"])


def _refuse_unknown(exchange: Exchange, search: dict[str, Any]) -> None:
    if search["type"] not in exchange.engine.service.types:
        raise Refused(404, [Issue("not-supported", "resources of this type are not kept by this service")])


def _asked(body: bytes) -> tuple[list[dict[str, Any]], int | None, list[tuple[str, str]]]:
    """The searches, the snapshot or None, and `_asOf` as a search would be given it."""
    try:
        asked = orjson.loads(body)
        searches, snapshot, past = asked["searches"], asked.get("snapshot"), asked.get("asOf")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise Refused(400, [Issue("structure", _SHAPE)]) from error
    if not isinstance(searches, list) or not all(map(_is_search, searches)):
        raise Refused(400, [Issue("structure", _SHAPE)])
    if not _is_snapshot(snapshot) or not isinstance(past, str | None):
        raise Refused(400, [Issue("structure", _SHAPE)])
    if len(searches) > SEARCHES_MAX:
        raise Refused(413, [Issue("too-costly", f"at most {SEARCHES_MAX} searches can be asked at once")])
    return searches, snapshot, [] if past is None else [(AS_OF, past)]


def _is_search(search: Any) -> bool:
    if not isinstance(search, dict) or not isinstance(search.get("type"), str):
        return False
    criteria, referred = search.get("criteria"), search.get("referred")
    return isinstance(criteria, list) and all(map(_is_pair, criteria)) and (referred is None or _is_referred(referred))


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)


def _is_referred(referred: Any) -> bool:
    return isinstance(referred, dict) and all(isinstance(referred.get(name), str) for name in ("by", "target"))


def _is_snapshot(snapshot: Any) -> bool:
    return snapshot is None or (type(snapshot) is int and 0 <= snapshot < 2**63)


MATCHING = Interaction("matching", "POST", "/internal/matching", "entries", _matching)
