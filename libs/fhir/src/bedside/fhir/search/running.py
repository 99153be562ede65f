"""From a query to a page: one statement for the matches, one more for each round of includes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bedside.events.database import Row
from bedside.events.database.port import Reader
from bedside.fhir.definitions import definitions
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search import counting, sorting
from bedside.fhir.search.criteria import Statement, sp_among
from bedside.fhir.search.driving import Plan, plan
from bedside.fhir.search.including import Include
from bedside.fhir.search.paging import PagePosition
from bedside.fhir.search.purview import Purview
from bedside.fhir.search.query import Query
from bedside.fhir.search.walking import Walk, can_walk, walk

INCLUDED_MAX = 5000
ROUNDS_MAX = 8


@dataclass(frozen=True)
class Stored:
    """A version as it lies in the store. `updated` is microseconds UTC; `vid` and `rid` are the store's own numbers.

    `body` is empty where only ids are asked for.
    """

    type_name: str
    id: str
    version: int
    updated: int
    body: bytes
    vid: int = field(compare=False)
    rid: int = field(compare=False)


@dataclass(frozen=True)
class Page:
    """`total` is None unless asked for; `next` when there is more. `snapshot` is None when nothing was found."""

    matches: list[Stored]
    included: list[Stored]
    total: int | None
    next: PagePosition | None
    snapshot: int | None
    previous: PagePosition | None = None


async def run(
    database: Reader,
    query: Query,
    *,
    purview: Purview,
    snapshot: int | None = None,
    after: PagePosition | None = None,
) -> Page:
    """A page as seen at `snapshot` (None: now), or the page after (or before) a position, as seen then.

    What `purview` does not hold is not there: for matches, totals, sorts, chains and includes alike.
    """
    if after is not None:
        snapshot = after.snapshot
    chosen = await plan(database, query, purview=purview, snapshot=snapshot)
    if query.count_only:
        total = await _total(database, query, chosen, snapshot, purview, seen_whole=None)
        return Page([], [], total, None, snapshot)
    rows = await _page(database, query, chosen, snapshot, purview, after)
    backwards = after is not None and after.backwards
    shown = rows[: query.count][:: -1 if backwards else 1]
    matches = [_stored(row, definitions().type_name(row[6])) for row in shown]
    seen = snapshot if snapshot is not None or not shown else int(shown[0][7])
    is_first = after is None or after.vid is None
    seen_whole = len(rows) if is_first and len(rows) <= query.count else None
    total = await _total(database, query, chosen, seen, purview, seen_whole=seen_whole)
    included = await _included(database, query, matches, seen, purview) if matches else []
    page = Page(matches, included, total, None, seen)
    if not shown or seen is None:
        return page
    has_more = len(rows) > query.count
    return replace(
        page,
        next=_position(shown[-1], seen) if has_more or backwards else None,
        previous=_position(shown[0], seen, backwards=True) if (has_more if backwards else not is_first) else None,
    )


def _position(row: Row, snapshot: int, *, backwards: bool = False) -> PagePosition:
    return PagePosition(snapshot, tuple(row[8:]), row[4], backwards)


def _stored(row: Row, type_name: str) -> Stored:
    id, version, updated, body, vid, rid = row[:6]
    return Stored(type_name, id, version, updated, bytes(body or b""), vid, rid)


def _body(query: Query, version: str) -> str:
    # Bodies lie apart, and most of a search's time goes into fetching them.
    return "NULL" if query.subset is not None and query.subset.is_id_alone else f"{version}.body"


async def _page(
    database: Reader, query: Query, chosen: Plan, snapshot: int | None, purview: Purview, after: PagePosition | None
) -> Sequence[Row]:
    """The rows of a page and one more, if there is one."""
    if can_walk(query, chosen, after):
        statement = Statement(database.dialect, snapshot=snapshot, purview=purview)
        sql = _select_sorted(statement, query, walk(statement, query, chosen), after)
        rows = await database.fetch(sql, *statement.arguments)
        if len(rows) > query.count:
            return rows
    statement = Statement(database.dialect, snapshot=snapshot, purview=purview)
    if query.sort:
        source, said = chosen.source(statement, "v")
        everything = Walk(source, said, query.sort[0].expression(statement, "v"))
        sql = _select_sorted(statement, query, everything, after)
    else:
        sql = _select(statement, query, chosen, after)
    return await database.fetch(sql, *statement.arguments)


def _select(statement: Statement, query: Query, chosen: Plan, after: PagePosition | None) -> str:
    source, said = chosen.source(statement, "v")
    backwards = after is not None and after.backwards
    going_on = ""
    if after is not None and after.vid is not None:
        going_on = f" AND {chosen.ordered_by} {'>' if backwards else '<'} {statement.bind(after.vid)}"
    columns = f"r.fid, v.ver, v.ts, {_body(query, 'v')}, v.vid, v.rid, v.type_id, {statement.now}"
    return (
        f"SELECT {columns} FROM {source} CROSS JOIN resource r WHERE {said} AND r.rid = v.rid{going_on}"
        f" ORDER BY {chosen.ordered_by} {'ASC' if backwards else 'DESC'} {_limit(query)}"
    )


def _limit(query: Query) -> str:
    """One more than shown, to know whether there is more. Written out: PostgreSQL plans for a page, not for all."""
    return f"LIMIT {query.count + 1}"


def _select_sorted(statement: Statement, query: Query, among: Walk, after: PagePosition | None) -> str:
    # Sorted by keys and numbers alone: bodies are fetched for one page only.
    further = (f", {key.expression(statement, 'v')} AS k{place}" for place, key in enumerate(query.sort[1:], start=2))
    inner = f"SELECT v.vid AS vid, {among.key} AS k1{''.join(further)} FROM {among.source} WHERE {among.said}"
    backwards = after is not None and after.backwards
    sort = sorting.turned(query.sort) if backwards else query.sort
    going_on = ""
    if after is not None and after.vid is not None:
        said_after = sorting.after(sort, after.keys, after.vid, statement, backwards=backwards)
        going_on = f" WHERE {said_after}"
    names = [f"k{place}" for place in range(1, len(query.sort) + 1)]
    order = [f"{name} {key.direction}" for name, key in zip(names, sort, strict=True)]
    by_vid = "ASC" if backwards else "DESC"
    page = (
        f"SELECT q.* FROM ({inner}) q{going_on} ORDER BY {', '.join(f'q.{each}' for each in order)}, q.vid {by_vid}"
        f" {_limit(query)}"
    )
    keys_shown = ", ".join(f"p.{name}" for name in names)
    columns = f"r.fid, w.ver, w.ts, {_body(query, 'w')}, w.vid, w.rid, w.type_id, {statement.now}, {keys_shown}"
    return (
        f"SELECT {columns} FROM ({page}) p CROSS JOIN version w CROSS JOIN resource r"
        f" WHERE w.vid = p.vid AND r.rid = w.rid ORDER BY {', '.join(f'p.{each}' for each in order)}, p.vid {by_vid}"
    )


async def _total(
    database: Reader, query: Query, chosen: Plan, snapshot: int | None, purview: Purview, *, seen_whole: int | None
) -> int | None:
    """`seen_whole`: how many there are, when the page shows them all."""
    if query.total == "none" and not query.count_only:
        return None
    if seen_whole is not None:
        return seen_whole
    count = counting.estimated if query.total == "estimate" else counting.accurate
    return await count(database, chosen, snapshot=snapshot, purview=purview)


async def _included(
    database: Reader, query: Query, matches: list[Stored], snapshot: int | None, purview: Purview
) -> list[Stored]:
    """Each resource once, and none that is a match."""
    includes, revincludes = query.includes, query.revincludes
    known = {match.vid for match in matches}
    found: list[Stored] = []
    fresh = matches
    for round in range(ROUNDS_MAX + 1):
        if not fresh or not (includes or revincludes):
            break
        arrived: list[Stored] = []
        for backwards, asked in ((False, includes), (True, revincludes)):
            for include in asked:
                statement = Statement(database.dialect, snapshot=snapshot, purview=purview)
                sql = _include(statement, include, fresh, backwards=backwards)
                for row in await database.fetch(sql, *statement.arguments) if sql else ():
                    if row[4] not in known:
                        known.add(row[4])
                        arrived.append(_stored(row, definitions().type_name(row[6])))
        found += arrived
        if len(found) > INCLUDED_MAX or (arrived and round == ROUNDS_MAX):
            text = f"The search includes more than {INCLUDED_MAX} resources, or in more than {ROUNDS_MAX} rounds"
            raise Refused(400, [Issue("too-costly", text)])
        fresh = arrived
        includes = tuple(include for include in includes if include.iterates)
        revincludes = tuple(include for include in revincludes if include.iterates)
    return found


def _include(statement: Statement, include: Include, seeds: list[Stored], *, backwards: bool) -> str | None:
    """None when no seed can lead anywhere."""
    if backwards:
        numbers = [seed.rid for seed in seeds if include.target in (None, seed.type_name)]
        visible = statement.visible("t", include.source, "r")
        link, by, seed = "i.vid", "t.vid", "i.trid"
    else:
        numbers = [seed.vid for seed in seeds if seed.type_name == include.source]
        visible = (
            statement.visible("t", include.target, "r")
            if include.target
            else statement.visible_among("t", include.targets, "r")
        )
        link, by, seed = "i.trid", "t.rid", "i.vid"
    if not numbers:
        return None
    among = _among(statement, seed, numbers)
    return (
        f"SELECT r.fid, t.ver, t.ts, t.body, t.vid, t.rid, t.type_id FROM"
        f" (SELECT DISTINCT {link} AS n FROM ix_ref i WHERE {among} AND {sp_among('i', include.sps)}) x"
        f" CROSS JOIN version t CROSS JOIN resource r WHERE {by} = x.n AND {visible}"
        f" AND r.rid = t.rid ORDER BY t.vid LIMIT {INCLUDED_MAX + 1}"
    )


def _among(statement: Statement, column: str, numbers: list[int]) -> str:
    """One argument however many numbers, so that the statement is prepared once."""
    if statement.dialect == "postgresql":
        return f"{column} = ANY({statement.bind(numbers)}::bigint[])"
    listed = "[" + ",".join(map(str, numbers)) + "]"
    return f"{column} IN (SELECT value FROM json_each({statement.bind(listed)}))"
