"""Deleting what refers to a deleted resource along with it, when that is asked for."""

from collections.abc import Collection, Sequence

from bedside.events.database import Connection
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.store import current
from bedside.fhir.store.draft import Draft
from bedside.fhir.store.numbers import key_of, numbers_table

CASCADED_MAX = 1000


async def cascaded(connection: Connection, drafts: Sequence[Draft]) -> list[Draft]:
    """A deletion of each resource that refers, however indirectly, to one whose deletion cascades.

    Refused with 409 when there are more than CASCADED_MAX.
    """
    added: list[Draft] = []
    for draft in drafts:
        if draft.kind == "delete" and draft.cascades:
            added += await _referrers(connection, draft, {each.key for each in (*drafts, *added)})
    return added


async def _referrers(connection: Connection, draft: Draft, written: Collection[str]) -> list[Draft]:
    found = {draft.key, *written}
    made: list[Draft] = []
    reached = {known.rid for known in (await current.numbers(connection, [draft.key])).values()}
    while reached:
        pointing = {rid for each in (await current.mentioners(connection, reached)).values() for rid in each}
        keys = await keys_of(connection, pointing)
        fresh = {rid: key for rid, key in keys.items() if key not in found}
        found |= set(fresh.values())
        made += [_along(draft, key) for _, key in sorted(fresh.items())]
        if len(made) > CASCADED_MAX:
            text = f"more than {CASCADED_MAX} resources refer to it: delete them first"
            raise Refused(409, [Issue("too-costly", text, draft.request_at)])
        reached = set(fresh)
    return made


def _along(draft: Draft, key: str) -> Draft:
    type_name, _, id = key.partition("/")
    return Draft("delete", type_name, id, at=draft.at, purview=draft.purview)


async def keys_of(connection: Connection, rids: Collection[int]) -> dict[int, str]:
    """By number, `Type/id`."""
    if not rids:
        return {}
    table, argument = numbers_table(connection, rids)
    rows = await connection.fetch(
        f"SELECT r.rid, r.type_id, r.fid FROM {table} JOIN resource r ON r.rid = k.n", argument
    )
    return {rid: key_of(type_id, id) for rid, type_id, id in rows}
