"""What is current: one resource for a client, or all that a transaction touches."""

from collections.abc import Collection
from typing import NamedTuple

from bedside.events.database import Connection
from bedside.events.database.port import Reader
from bedside.fhir.definitions import definitions
from bedside.fhir.search.criteria import Statement
from bedside.fhir.search.purview import Letter, Purview
from bedside.fhir.store.numbers import key_of, keys_table, numbers_table


class Version(NamedTuple):
    """`updated` is microseconds since 1970, UTC; `body` is empty when this version is a deletion."""

    rid: int
    vid: int
    version: int
    op: str
    updated: int
    body: bytes

    @property
    def deleted(self) -> bool:
        return self.op == "D"


_VERSION = "r.rid, v.vid, v.ver, v.op, v.ts, v.body"
_READ = f"SELECT {_VERSION} FROM resource r JOIN version v ON v.vid = r.cur_vid WHERE r.type_id = $1 AND r.fid = $2"
_VREAD = f"""SELECT {_VERSION} FROM resource r JOIN version v ON v.rid = r.rid
    WHERE r.type_id = $1 AND r.fid = $2 AND v.ver = $3"""
_AS_OF = f"""SELECT {_VERSION} FROM resource r JOIN version v ON v.rid = r.rid
    WHERE r.type_id = $1 AND r.fid = $2 AND v.txn_from <= $3 AND v.txn_to > $4"""


async def read(database: Reader, type_name: str, id: str) -> Version | None:
    """The current version, which may be a deletion; None when there never was one."""
    row = await database.fetch_row(_READ, definitions().type_id(type_name), id)
    return None if row is None else Version(*row)


async def vread(database: Reader, type_name: str, id: str, version: int) -> Version | None:
    """That version, which may be a deletion."""
    row = await database.fetch_row(_VREAD, definitions().type_id(type_name), id, version)
    return None if row is None else Version(*row)


async def as_of(database: Reader, type_name: str, id: str, snapshot: int) -> Version | None:
    """The version that was current after that transaction, which may be a deletion; None when there was none yet."""
    row = await database.fetch_row(_AS_OF, definitions().type_id(type_name), id, snapshot, snapshot)
    return None if row is None else Version(*row)


async def is_within(reader: Reader, purview: Purview, letter: Letter, type_name: str, version: Version) -> bool:
    """Whether that version lies in what the caller may touch; a deletion, when what it deleted does."""
    if purview.is_whole(letter, type_name):
        return True
    if not purview.permits(letter, type_name):
        return False
    statement = Statement(reader.dialect, snapshot=None, purview=purview)
    looked_at = f"v.rid = {statement.bind(version.rid)} AND v.ver = {statement.bind(version.version - version.deleted)}"
    within = statement.within("v", type_name, letter)
    return (
        await reader.fetch_row(f"SELECT 1 FROM version v WHERE {looked_at} AND {within}", *statement.arguments)
        is not None
    )


class Known(NamedTuple):
    """A resource row: `vid` is None when it was only ever mentioned."""

    rid: int
    vid: int | None


async def numbers(reader: Reader, keys: Collection[str], *, lock: str = "") -> dict[str, Known]:
    """The rows of these `Type/id`s. `lock` as in `FOR KEY SHARE`; nothing on SQLite, where one writes at a time."""
    if not keys:
        return {}
    table, arguments = keys_table(reader, keys)
    locking = f" ORDER BY r.rid {lock} OF r" if lock and reader.dialect == "postgresql" else ""
    rows = await reader.fetch(
        f"SELECT r.type_id, r.fid, r.rid, r.cur_vid FROM {table}"
        f" JOIN resource r ON r.type_id = k.t AND r.fid = k.f{locking}",
        *arguments,
    )
    return {key_of(type_id, id): Known(rid, vid) for type_id, id, rid, vid in rows}


async def versions(reader: Reader, vids: Collection[int]) -> dict[int, Version]:
    """These versions, by number."""
    if not vids:
        return {}
    table, argument = numbers_table(reader, vids)
    rows = await reader.fetch(
        f"SELECT v.rid, v.vid, v.ver, v.op, v.ts, v.body FROM {table} JOIN version v ON v.vid = k.n", argument
    )
    return {row[1]: Version(*row) for row in rows}


async def live(connection: Connection, vids: Collection[int]) -> set[int]:
    """Those of these versions that are not deletions."""
    if not vids:
        return set()
    table, argument = numbers_table(connection, vids)
    rows = await connection.fetch(
        f"SELECT v.vid FROM {table} JOIN version v ON v.vid = k.n WHERE v.op <> 'D'", argument
    )
    return {row[0] for row in rows}


async def mentioners(connection: Connection, rids: Collection[int]) -> dict[int, list[int]]:
    """Per resource the resources (by number) whose current version refers to it."""
    if not rids:
        return {}
    table, argument = numbers_table(connection, rids)
    rows = await connection.fetch(
        f"SELECT m.trid, v.rid FROM {table} JOIN mention m ON m.trid = k.n JOIN version v ON v.vid = m.vid"
        " JOIN resource r ON r.rid = v.rid AND r.cur_vid = v.vid",
        argument,
    )
    found: dict[int, list[int]] = {}
    for target, rid in rows:
        found.setdefault(target, []).append(rid)
    return found


async def patients(reader: Reader, vids: Collection[int]) -> dict[int, list[str]]:
    """Per version the ids of the patients in whose compartments it lies."""
    if not vids:
        return {}
    table, argument = numbers_table(reader, vids)
    # Compartments are kept by patient: what the version refers to says which to look into.
    rows = await reader.fetch(
        f"SELECT DISTINCT v.vid, p.fid FROM {table} JOIN version v ON v.vid = k.n JOIN ix_ref i ON i.vid = v.vid"
        " JOIN compartment c ON c.crid = i.trid AND c.type_id = v.type_id AND c.vid = v.vid"
        " JOIN resource p ON p.rid = c.crid",
        argument,
    )
    found: dict[int, list[str]] = {}
    for vid, id in rows:
        found.setdefault(vid, []).append(id)
    return found
