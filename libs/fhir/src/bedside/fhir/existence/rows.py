"""The table of what is known of other owners' resources."""

from collections.abc import Collection, Mapping

from bedside.events.database import Connection
from bedside.events.database.port import Reader
from bedside.fhir.existence.peers import Existence
from bedside.fhir.store.numbers import key_of, keys_table, pairs


async def known(connection: Connection, references: Collection[str]) -> dict[str, Existence]:
    """What we have heard. The rows stay as they are until the caller's commit: a merge waits, or is seen."""
    lock = " ORDER BY e.type_id, e.fid FOR SHARE OF e" if connection.dialect == "postgresql" else ""
    return await _rows(connection, references, lock)


async def heard(reader: Reader, references: Collection[str]) -> dict[str, Existence]:
    """As `known`, to look only."""
    return await _rows(reader, references, "")


async def _rows(reader: Reader, references: Collection[str], lock: str) -> dict[str, Existence]:
    if not references:
        return {}
    table, arguments = keys_table(reader, references)
    rows = await reader.fetch(
        f"SELECT e.type_id, e.fid, e.present, e.ver, e.survivor FROM {table}"
        f" JOIN existence e ON e.type_id = k.t AND e.fid = k.f{lock}",
        *arguments,
    )
    return {
        key_of(type_id, id): Existence(exists=bool(present), version=version, survivor=survivor)
        for type_id, id, present, version, survivor in rows
    }


async def remember(connection: Connection, heard: Mapping[str, Existence]) -> None:
    """Newer versions win, whatever the order in which they are heard: also to say that a merge was undone."""
    rows = [
        (type_id, id, heard[key].version, int(heard[key].exists), heard[key].survivor)
        for type_id, id in pairs(heard)
        for key in (key_of(type_id, id),)
    ]
    if not rows:
        return
    await connection.execute_many(
        "INSERT INTO existence (type_id, fid, ver, present, survivor) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (type_id, fid) DO UPDATE SET"
        " present = CASE WHEN excluded.ver >= existence.ver THEN excluded.present ELSE existence.present END,"
        " ver = CASE WHEN excluded.ver >= existence.ver THEN excluded.ver ELSE existence.ver END,"
        " survivor = CASE WHEN excluded.ver > existence.ver THEN excluded.survivor"
        " WHEN excluded.ver = existence.ver THEN coalesce(excluded.survivor, existence.survivor)"
        " ELSE existence.survivor END",
        rows,
    )
