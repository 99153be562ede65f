"""From an instant to a transaction's number: how far the record had come then.

The times of transactions never go back (`numbers.transaction`), so that "all before" is one number. A version counts
from the moment its transaction was numbered, which is at or after its `lastUpdated`: whoever asks again for all since
the newest that was seen misses nothing, even of transactions that were under way at that time.
"""

from bedside.events.database.port import Reader

_UP_TO = "SELECT txn FROM txn WHERE ts <= $1 ORDER BY ts DESC, txn DESC LIMIT 1"
_SINCE = "SELECT txn FROM txn WHERE ts >= $1 ORDER BY ts, txn LIMIT 1"
_NEWEST = "SELECT ts FROM txn ORDER BY txn DESC LIMIT 1"
_AFTER_ALL = 2**62
ALWAYS = 2**62
"""An instant after all others."""


async def up_to(reader: Reader, instant: int) -> int:
    """The last transaction at or before `instant` (microseconds since 1970, UTC); 0 when there is none."""
    row = await reader.fetch_row(_UP_TO, instant)
    return 0 if row is None else int(row[0])


async def since(reader: Reader, instant: int) -> int:
    """The first transaction at or after `instant`; a number above all when there is none."""
    row = await reader.fetch_row(_SINCE, instant)
    return _AFTER_ALL if row is None else int(row[0])


async def newest(reader: Reader) -> int:
    """The time of the last transaction; 0 when there was none."""
    row = await reader.fetch_row(_NEWEST)
    return 0 if row is None else int(row[0])
