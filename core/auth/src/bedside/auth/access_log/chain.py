"""The chain: each row's hash covers the row, its position and the hash before it. Pure.

A row that is changed, removed, put in or moved no longer fits its hash, or its successor's does not.
"""

import hashlib
from datetime import UTC

import orjson

from bedside.auth.tables import AuditEvent

BEGINNING = "0" * 64
"""What stands before the first row."""


def chained(row: AuditEvent, *, position: int, before: str) -> str:
    """SHA-256, hexadecimal, over all columns as JSON with sorted names and no space, text as UTF-8 (as RFC 8785)."""
    content = {
        "action": row.action,
        "before": before,
        "client_id": row.client_id,
        "detail": row.detail,
        "entity": row.entity,
        "id": row.id,
        "outcome": row.outcome,
        "patients": row.patients,
        "position": position,
        "purpose": row.purpose,
        "recorded_at": row.recorded_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "source": row.source,
        "user_id": row.user_id,
    }
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
