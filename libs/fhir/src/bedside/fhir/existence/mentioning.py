"""`POST /internal/mentions`: who of ours refers to what others have, asked before they let it be deleted."""

from collections.abc import Mapping

import orjson
from starlette.responses import Response

from bedside.events.database.port import Reader
from bedside.fhir.existence.answering import asked_references, refuse_strangers
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.store import current
from bedside.fhir.store.numbers import key_of, numbers_table
from bedside.fhir.store.references import local, types

MENTIONS_MAX = 1000


async def _mentions(exchange: Exchange) -> Response:
    refuse_strangers(exchange)
    asked = {key for key in asked_references(await exchange.body()) if _is_key(key)}
    async with exchange.engine.store.database.snapshot() as reader:
        numbers = await current.numbers(reader, asked)
        found = await _mentioning(reader, {known.rid: key for key, known in numbers.items()})
    count = sum(len(each) for each in found.values())
    answer = {"mentions": found, "complete": count <= MENTIONS_MAX}
    return Response(orjson.dumps(answer), media_type="application/json")


def _is_key(text: str) -> bool:
    return local(text) == text and text.partition("/")[0] in types()


async def _mentioning(reader: Reader, targets: Mapping[int, str]) -> dict[str, list[str]]:
    """By `Type/id`, the resources whose current version refers to it; those to itself are none."""
    if not targets:
        return {}
    table, argument = numbers_table(reader, list(targets))
    rows = await reader.fetch(
        f"SELECT m.trid, r.type_id, r.fid FROM {table} JOIN mention m ON m.trid = k.n JOIN version v ON v.vid = m.vid"
        f" JOIN resource r ON r.rid = v.rid AND r.cur_vid = v.vid LIMIT {MENTIONS_MAX + 1}",
        argument,
    )
    found: dict[str, list[str]] = {}
    for target, type_id, id in rows:
        if (key := key_of(type_id, id)) != targets[target]:
            found.setdefault(targets[target], []).append(key)
    return found


MENTIONS = Interaction("mentions", "POST", "/internal/mentions", "services", _mentions)
