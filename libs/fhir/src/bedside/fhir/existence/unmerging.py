"""Moving back what a merge had moved: the record it retired stands for itself again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bedside.events.database import Connection
from bedside.fhir import exact_json
from bedside.fhir.existence import rows
from bedside.fhir.existence.merging import MOVED, lock_record
from bedside.fhir.existence.peers import Existence
from bedside.fhir.store import current, numbers
from bedside.fhir.store.draft import Author, Draft
from bedside.fhir.store.instants import following, stored
from bedside.fhir.store.references import local, mentions, path_of
from bedside.fhir.store.stamping import stamped
from bedside.fhir.store.writer import Step, store_steps

MOVED_BACK = "move_encounters_back"
# The versions after which a merge moved their resource away from this record, unless it was moved back to it since.
_BEFORE_THE_MOVE = """SELECT b.rid, max(b.vid) FROM mention m JOIN version b ON b.vid = m.vid
    JOIN version a ON a.rid = b.rid AND a.ver = b.ver + 1 JOIN txn t ON t.txn = a.txn_from
    WHERE m.trid = $1 AND t.who = $2 AND NOT EXISTS (
        SELECT 1 FROM version z JOIN txn y ON y.txn = z.txn_from JOIN mention n ON n.vid = z.vid AND n.trid = m.trid
        WHERE z.rid = a.rid AND z.ver > a.ver AND y.who = $3)
    GROUP BY b.rid"""


async def point_back(
    connection: Connection, *, restored: str, survivor: str, version: int, now: datetime, cause: str
) -> int:
    """Gives each resource that the merge of `restored` had moved a new version that refers to it again; how many.

    Only what still refers to the survivor where the merge wrote that; all that was changed since is kept. Safe to run
    twice: a second run finds none left to move back.
    """
    await lock_record(connection, restored)
    await rows.remember(connection, {restored: Existence(exists=True, version=version)})
    known = await current.numbers(connection, [restored])
    if restored not in known:
        return 0
    found = await connection.fetch(_BEFORE_THE_MOVE, known[restored].rid, MOVED, MOVED_BACK)
    steps = await _steps(connection, dict(found), restored, survivor, stored(now))
    await store_steps(connection, steps, authors=[Author(who=MOVED_BACK, request_id=cause)], ts=stored(now))
    return len(steps)


async def _steps(
    connection: Connection, before_move: dict[int, int], restored: str, survivor: str, ts: int
) -> list[Step]:
    """`before_move` is per resource (by number) the version that the merge found."""
    table, argument = numbers.numbers_table(connection, set(before_move))
    lock = " FOR NO KEY UPDATE OF r" if connection.dialect == "postgresql" else ""
    rows_now = await connection.fetch(
        f"SELECT r.rid, r.fid, r.cur_vid FROM {table} JOIN resource r ON r.rid = k.n ORDER BY r.rid{lock}", argument
    )
    vids = [vid for _, _, vid in rows_now]
    versions = await current.versions(connection, [*vids, *before_move.values()])
    steps = []
    for rid, id, vid in rows_now:
        step = _step(versions[vid], versions[before_move[rid]], id, restored, survivor, ts)
        if step is not None:
            steps.append(step)
    return steps


def _step(
    before: current.Version, unmoved: current.Version, id: str, restored: str, survivor: str, ts: int
) -> Step | None:
    if before.deleted:
        return None
    resource = exact_json.parse(before.body)
    then = exact_json.parse(unmoved.body)
    places = _places(then, restored)
    moved = [
        mention
        for mention in mentions(resource)
        if local(mention.sent) == survivor and path_of(resource, mention.holder, "") in places
    ]
    if not moved:
        return None
    for mention in moved:
        mention.holder["reference"] = places[path_of(resource, mention.holder, "")]
    number, updated = before.version + 1, following(ts, before.updated)
    made = stamped(resource, id, number, updated)
    draft = Draft("update", resource["resourceType"], id, resource, references=mentions(resource))
    return Step(draft, before, number, updated, exact_json.emit(made), "U", made)


def _places(resource: dict[str, Any], key: str) -> dict[str, str]:
    """Where the resource refers to `key`, and in which words."""
    named: Sequence[Any] = [mention for mention in mentions(resource) if local(mention.sent) == key]
    return {path_of(resource, mention.holder, ""): mention.sent for mention in named}
