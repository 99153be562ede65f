"""`_asOf`: a read or a search as it would have been answered at an instant. Ours, not R4's.

The instant is resolved to the last transaction until then, and every row is looked at as of that transaction.
"""

import re
from collections.abc import Sequence
from datetime import UTC

from bedside.events.database.port import Reader
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.engine import Engine
from bedside.fhir.search.moments import interval
from bedside.fhir.store import timeline
from bedside.fhir.store.instants import stored

PARAMETER = "_asOf"
DOCUMENTATION = (
    "Beyond R4: `_asOf=instant` on read and search answers with the versions that were current at that instant"
    " (404 where nothing was yet, 410 where it was deleted). An instant of the future is refused."
)
Pair = tuple[str, str]
# A plus sign that was not escaped in the address arrives as a space.
_INSTANT = re.compile(r"[\d-]{10}T[\d:]{8}(\.\d{1,9})?(Z|[+\- ][\d:]{5})", re.ASCII)


async def snapshot_of(reader: Reader, engine: Engine, pairs: Sequence[Pair]) -> int | None:
    """The number of the transaction to look back to; None when nobody asks for the past.

    Refused with 400 when it is given twice, is no instant, or lies in the future.
    """
    values = [value for name, value in pairs if name == PARAMETER]
    if not values:
        return None
    if len(values) > 1:
        raise _refused("is given more than once")
    moment = interval(values[0], UTC) if _INSTANT.fullmatch(values[0]) else None
    if moment is None:
        raise _refused("is an instant, as 2026-01-15T10:30:00Z")
    # A version's time may be ahead of the clock by the milliseconds that keep versions apart.
    if moment.lo > stored(engine.store.clock.now()) and moment.lo > await timeline.newest(reader):
        raise _refused("lies in the future")
    return await timeline.up_to(reader, moment.lo)


def _refused(why: str) -> Refused:
    return Refused(400, [Issue("value", f"Parameter {PARAMETER} {why}")])
