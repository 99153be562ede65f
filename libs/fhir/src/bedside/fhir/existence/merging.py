"""Moving what refers to a retired record over to its survivor."""

from datetime import datetime
from typing import Any

from bedside.events.database import Connection
from bedside.fhir import exact_json
from bedside.fhir.definitions import definitions
from bedside.fhir.existence import rows
from bedside.fhir.existence.peers import Existence
from bedside.fhir.store import current, numbers
from bedside.fhir.store.draft import Author, Draft
from bedside.fhir.store.instants import following, stored
from bedside.fhir.store.references import local, mentions
from bedside.fhir.store.stamping import stamped
from bedside.fhir.store.writer import Step, store_steps

_MERGES_MAX = 50
MOVED = "move_encounters"
"""The author of the versions that a merge makes, by which undoing it knows them."""


class MergedInCircle(Exception):
    """Records that replace one another have no survivor: a person has to look."""


async def repoint(
    connection: Connection, *, retired: str, survivor: str, version: int, now: datetime, cause: str
) -> int:
    """Gives each resource that refers to `retired` a new version that refers to the survivor; how many.

    Patients keep their links, for the survivor names the one it replaces. Safe to run twice: a second run finds none
    left to move. Follows merges of the survivor heard of before, and moves what an earlier merge had moved here.
    """
    await lock_record(connection, retired)
    last = await _last_survivor(connection, retired, survivor)
    await rows.remember(connection, {retired: Existence(exists=True, version=version, survivor=survivor)})
    known = await current.numbers(connection, [retired])
    if retired not in known:
        return 0
    pointing = await current.mentioners(connection, [known[retired].rid])
    steps = await _steps(connection, pointing.get(known[retired].rid, ()), retired, last, stored(now))
    await store_steps(connection, steps, authors=[Author(who=MOVED, request_id=cause)], ts=stored(now))
    return len(steps)


async def lock_record(connection: Connection, retired: str) -> None:
    """From here on nobody writes a reference to the retired record: writers share-lock the row they relied on."""
    await rows.remember(connection, {retired: Existence(exists=True)})
    if connection.dialect == "postgresql":
        ((type_id, id),) = numbers.pairs([retired])
        await connection.fetch("SELECT 1 FROM existence WHERE type_id = $1 AND fid = $2 FOR UPDATE", type_id, id)
        await connection.fetch("SELECT 1 FROM resource WHERE type_id = $1 AND fid = $2 FOR UPDATE", type_id, id)


async def _last_survivor(connection: Connection, retired: str, survivor: str) -> str:
    seen = {retired}
    for _ in range(_MERGES_MAX):
        if survivor in seen:
            break
        seen.add(survivor)
        known = (await rows.known(connection, [survivor])).get(survivor)
        if known is None or known.survivor is None:
            return survivor
        survivor = known.survivor
    raise MergedInCircle(retired)


async def _steps(connection: Connection, rids: Any, retired: str, survivor: str, ts: int) -> list[Step]:
    table, argument = numbers.numbers_table(connection, set(rids))
    lock = " FOR NO KEY UPDATE OF r" if connection.dialect == "postgresql" else ""
    found = await connection.fetch(
        f"SELECT r.fid, r.cur_vid FROM {table} JOIN resource r ON r.rid = k.n"
        f" WHERE r.type_id <> {definitions().type_id('Patient')} ORDER BY r.rid{lock}",
        argument,
    )
    versions = await current.versions(connection, [vid for _, vid in found])
    steps: list[Step] = []
    for id, vid in found:
        before = versions[vid]
        if before.deleted:
            continue
        resource = exact_json.parse(before.body)
        found_mentions = mentions(resource)
        moved = [mention for mention in found_mentions if local(mention.sent) == retired]
        if not moved:
            continue
        for mention in moved:
            mention.holder["reference"] = survivor
        number, updated = before.version + 1, following(ts, before.updated)
        made = stamped(resource, id, number, updated)
        draft = Draft("update", resource["resourceType"], id, resource, references=found_mentions)
        steps.append(Step(draft, before, number, updated, exact_json.emit(made), "U", made))
    return steps
