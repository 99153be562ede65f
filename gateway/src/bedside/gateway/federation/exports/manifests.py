"""What the owners tell of their finished jobs, as one manifest.

https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

_LISTS = ("output", "deleted", "error")


def merged(manifests: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The first one's particulars. An export that goes on from here must miss nothing of any: the earliest time counts.

    The files' addresses stay as they are, for they name the type, and so the owner.
    """
    earliest = min((each["transactionTime"] for each in manifests), key=datetime.fromisoformat)
    lists = {name: [file for each in manifests for file in each.get(name, ())] for name in _LISTS}
    return {**manifests[0], "transactionTime": earliest, **lists}
