"""Locks on what must not appear twice: the identifiers a transaction writes and the criteria it searches by.

At READ COMMITTED two creates would each search, find nothing, and insert. On SQLite the one writer is lock enough.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl

from bedside.events.database import Connection
from bedside.fhir.store.draft import Draft

# Every advisory lock takes a place in a table of fixed size; past this many a transaction runs alone instead.
_KEYS_MAX = 2000
_ALL = 0x62656473  # held shared by everyone, exclusively by a transaction of too many keys
NUMBERING = 0x62656474  # held from the allotment of a transaction's number to its commit


async def take(connection: Connection, drafts: Iterable[Draft], criteria: Iterable[tuple[str, str]]) -> None:
    """`criteria` are (type, query) pairs. Sorted, in a statement of their own, before anything is read."""
    if connection.dialect == "sqlite":
        return
    keys = sorted({_hash(key) for draft in drafts for key in _written(draft)} | {_hash(k) for k in _searched(criteria)})
    if not keys:
        return
    if len(keys) > _KEYS_MAX:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _ALL)
        return
    await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", _ALL)
    await connection.execute("SELECT pg_advisory_xact_lock(k) FROM unnest($1::bigint[]) AS k", keys)


async def take_numbering(connection: Connection) -> None:
    """From here to the commit nobody else is given a number: a smaller one never appears after a larger."""
    if connection.dialect == "postgresql":
        await connection.execute("SELECT pg_advisory_xact_lock($1)", NUMBERING)


def identifiers(resource: dict[str, Any]) -> list[tuple[str, str]]:
    """(system, value) of each business identifier; an absent system is empty."""
    found = resource.get("identifier")
    each = found if isinstance(found, list) else [found]
    return [
        (str(one.get("system", "")), one["value"])
        for one in each
        if isinstance(one, dict) and isinstance(one.get("value"), str)
    ]


def _written(draft: Draft) -> Iterable[str]:
    # Without the system: a search by value alone must wait for it too.
    for _, value in identifiers(draft.resource or {}):
        yield f"{draft.type_name}?identifier={value}"


def _searched(criteria: Iterable[tuple[str, str]]) -> Iterable[str]:
    for type_name, query in criteria:
        for name, values in parse_qsl(query):
            for value in values.split(","):
                yield f"{type_name}?{name}={value.rpartition('|')[2]}"


def _hash(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)
