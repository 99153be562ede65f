"""The chain: each row's hash covers the row, its position and the hash before it. Pure.

A row that is changed, removed, put in or moved no longer fits its hash, or its successor's does not.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC
from typing import Any

import orjson

BEGINNING = "0" * 64
"""What stands before the first row."""


def chained(row: Mapping[str, Any], *, position: int, before: str) -> str:
    """SHA-256, hexadecimal, over all columns as JSON with sorted names and no space, text as UTF-8 (as RFC 8785).

    `row` has all columns by name; what it says of its position and hash does not count.
    """
    content = {
        "action": row["action"],
        "before": before,
        "client_id": row["client_id"],
        "detail": row["detail"],
        "entity": row["entity"],
        "id": row["id"],
        "outcome": row["outcome"],
        "patients": row["patients"],
        "position": position,
        "purpose": row["purpose"],
        "recorded_at": row["recorded_at"].astimezone(UTC).isoformat(timespec="microseconds"),
        "source": row["source"],
        "user_id": row["user_id"],
    }
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
