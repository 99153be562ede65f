"""From what a history asks to a page of versions, newest first, by indexes alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bedside.events.database.port import Reader, Row
from bedside.fhir.definitions import definitions
from bedside.fhir.history.asked import Asked
from bedside.fhir.search.criteria import Statement
from bedside.fhir.search.moments import EVER
from bedside.fhir.search.paging import PagePosition
from bedside.fhir.search.purview import Letter, Purview
from bedside.fhir.store import timeline


@dataclass(frozen=True, slots=True)
class Place:
    """Where versions are looked for: one resource, or all of a type."""

    type_name: str
    id: str | None = None

    @property
    def letter(self) -> Letter:
        """SMART: the history of a resource is read, those of types and of everything are searched."""
        return "s" if self.id is None else "r"


class Shown(NamedTuple):
    """One version. `updated` is microseconds UTC; `body` is empty for a deletion; `order` is its place in the page."""

    type_name: str
    id: str
    version: int
    op: str
    updated: int
    body: bytes
    order: int
    vid: int


@dataclass(frozen=True, slots=True)
class Page:
    """`total` is None where counting would cost; `next` when there is more."""

    versions: list[Shown]
    total: int | None
    next: PagePosition | None


@dataclass(frozen=True, slots=True)
class _Window:
    """Numbers of transactions: versions made from `first` to `last`, and still current after `outlived`."""

    first: int
    last: int | None
    outlived: int


async def run(
    reader: Reader,
    asked: Asked,
    places: Sequence[Place],
    *,
    purview: Purview,
    after: PagePosition | None = None,
    snapshot: int | None = None,
) -> Page:
    """A page as seen at `snapshot` (None: now), or the page after a position, as seen then.

    What `purview` does not hold is not there.
    """
    snapshot = snapshot if after is None else after.snapshot
    statement = Statement(reader.dialect, snapshot=snapshot, purview=purview)
    window = await _window(reader, asked)
    sql = _select(statement, places, window, after, asked.count + 1)
    rows = await reader.fetch(sql, *statement.arguments)
    found = [_shown(row) for row in rows]
    shown = found[: asked.count]
    total = _total(asked, places, found, after, purview)
    if len(found) <= asked.count or not shown:
        return Page(shown, total, None)
    return Page(shown, total, PagePosition(int(rows[0][8]), (shown[-1].order, total), shown[-1].vid))


def _shown(row: Row) -> Shown:
    type_id, id, version, op, updated, body, order, vid, _ = row
    return Shown(definitions().type_name(type_id), id, version, op, updated, bytes(body), order, vid)


async def is_known(reader: Reader, place: Place, purview: Purview) -> bool:
    """Whether there is any version at all that may be seen."""
    return bool((await run(reader, Asked("", count=1), [place], purview=purview)).versions)


async def _window(reader: Reader, asked: Asked) -> _Window:
    first = 0 if asked.since is None else await timeline.since(reader, asked.since)
    if asked.during is None:
        return _Window(first, None, 0)
    last = None if asked.during.hi >= EVER else await timeline.up_to(reader, asked.during.hi - 1)
    return _Window(first, last, await timeline.up_to(reader, asked.during.lo))


def _total(
    asked: Asked, places: Sequence[Place], found: list[Shown], after: PagePosition | None, purview: Purview
) -> int | None:
    """Known when all of it is on the page, and when versions are counted by their own numbers."""
    if after is not None:
        return None if after.keys[1] is None else int(after.keys[1])
    if len(found) <= asked.count:
        return len(found)
    (place, *others) = places
    is_whole = asked.since is None and asked.during is None
    if others or place.id is None or not is_whole or not purview.is_whole("r", place.type_name):
        return None
    return found[0].version


def _select(
    statement: Statement, places: Sequence[Place], window: _Window, after: PagePosition | None, limit: int
) -> str:
    # Each type by its own index: bodies are fetched for one page only.
    each = [
        f"SELECT * FROM ({_found(statement, place, window, after, limit)}) page{n}" for n, place in enumerate(places)
    ]
    page = (
        f"SELECT * FROM ({' UNION ALL '.join(each)}) u ORDER BY ord DESC, vid DESC LIMIT {statement.bind(limit)}"
        if len(each) > 1
        else each[0]
    )
    columns = f"w.type_id, r.fid, w.ver, w.op, w.ts, w.body, page.ord, w.vid, {statement.now}"
    return (
        f"SELECT {columns} FROM ({page}) page CROSS JOIN version w CROSS JOIN resource r"
        " WHERE w.vid = page.vid AND r.rid = w.rid ORDER BY page.ord DESC, page.vid DESC"
    )


def _found(statement: Statement, place: Place, window: _Window, after: PagePosition | None, limit: int) -> str:
    """`SELECT vid, ord`, newest first."""
    type_id = definitions().type_id(place.type_name)
    # Of one resource the versions follow one another; of many, the transactions do.
    order = "v.ver" if place.id is not None else "v.txn_from"
    source, said = _source(statement, place, type_id)
    if after is None:
        # One bound only: SQLite seeks by the first that it meets, and would walk from there.
        last = statement.now if window.last is None else f"CAST({statement.bind(window.last)} AS bigint)"
        said.append(f"v.txn_from <= {last}")
    else:
        before = f"CAST({statement.bind(after.keys[0])} AS bigint), CAST({statement.bind(after.vid)} AS bigint)"
        said.append(f"({order}, v.vid) < ({before})")
    if window.first:
        said.append(f"v.txn_from >= CAST({statement.bind(window.first)} AS bigint)")
    if window.outlived:
        said.append(f"v.txn_to > CAST({statement.bind(window.outlived)} AS bigint)")
    return (
        f"SELECT v.vid AS vid, {order} AS ord FROM {source} WHERE {' AND '.join(said)}"
        f" ORDER BY {order} DESC, v.vid DESC LIMIT {statement.bind(limit)}"
    )


def _source(statement: Statement, place: Place, type_id: int) -> tuple[str, list[str]]:
    """FROM and WHERE. A deletion is seen by whoever may see what it deleted.

    CROSS JOIN keeps SQLite to this order.
    """
    said = [f"v.type_id = {type_id}"]
    if place.id is not None:
        said = [f"v.rid = {statement.resource(place.type_name, place.id)}"]
    within = statement.within("p", place.type_name, place.letter)
    if within is None:
        return "version v", said
    patient = statement.purview.patient(place.letter, place.type_name)
    if patient is not None and place.id is None:
        # What one patient has is little: begin with it, or all others' versions would be walked through.
        compartment = f"c.crid = {statement.resource('Patient', patient)} AND c.type_id = {type_id}"
        same = "v.rid = p.rid AND v.ver IN (p.ver, p.ver + 1) AND (v.vid = p.vid OR v.op = 'D')"
        return "compartment c CROSS JOIN version p CROSS JOIN version v", [compartment, "p.vid = c.vid", within, same]
    before = "p.rid = v.rid AND p.ver = CASE WHEN v.op = 'D' THEN v.ver - 1 ELSE v.ver END"
    return "version v CROSS JOIN version p", [*said, before, within]
