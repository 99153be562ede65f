"""`POST /internal/tally`: how many resources of ours refer to one of another owner, by type.

A merge asks before it is made. Only services may: how much is known of a patient is a secret.
"""

import orjson
from starlette.responses import Response

from bedside.events.database.port import Reader
from bedside.fhir.definitions import definitions
from bedside.fhir.existence.answering import refuse_strangers
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.store import current
from bedside.fhir.store.references import local
from bedside.fhir.store.tables import FOREVER

_COUNT = f"""SELECT v.type_id, count(DISTINCT v.rid) FROM mention m JOIN version v ON v.vid = m.vid
    WHERE m.trid = $1 AND v.txn_to = {FOREVER} AND v.txn_from < {FOREVER} AND v.op <> 'D' GROUP BY v.type_id"""


async def tally(reader: Reader, reference: str) -> dict[str, int]:
    """By type, how many resources refer to it now."""
    known = (await current.numbers(reader, [reference])).get(reference)
    found = [] if known is None else await reader.fetch(_COUNT, known.rid)
    return dict(sorted((definitions().type_name(type_id), int(count)) for type_id, count in found))


async def _tally(exchange: Exchange) -> Response:
    refuse_strangers(exchange)
    try:
        reference = orjson.loads(await exchange.body())["reference"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise Refused(400, [Issue("structure", "send {reference: Type/id}")]) from error
    if not isinstance(reference, str) or local(reference) != reference:
        raise Refused(400, [Issue("structure", "reference is Type/id")])
    if reference.partition("/")[0] not in definitions().resource_type_set:
        raise Refused(400, [Issue("structure", "reference is of a type of R4")])
    found = await tally(exchange.engine.store.database, reference)
    return Response(orjson.dumps({"tally": found}), media_type="application/json")


TALLY = Interaction("tally", "POST", "/internal/tally", "services", _tally)
