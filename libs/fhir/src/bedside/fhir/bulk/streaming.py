"""One file of an export as NDJSON, read from the database while it is sent: a few resources are in memory at a time."""

from collections.abc import AsyncIterator, Sequence

import orjson

from bedside.events.database.port import Reader, Row
from bedside.fhir.bulk.jobs import File, Job
from bedside.fhir.bulk.selecting import deletions, selection
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.criteria import Statement
from bedside.fhir.search.purview import Purview
from bedside.fhir.search.subset import Subset

_AT_ONCE = 500
_LINE_END = b"\n"


async def lines(reader: Reader, job: Job, file: File, purview: Purview, *, facility: Facility) -> AsyncIterator[bytes]:
    """Whole lines, several at a time. Each is the resource as it was stored, or the elements of it that were asked for;
    of deletions, a transaction Bundle."""
    after, subset = file.after, job.export.subset(file.type_name)
    while True:
        statement = Statement(reader.dialect, snapshot=job.snapshot, purview=purview)
        rows = await reader.fetch(_page(statement, job, file, after, facility), *statement.arguments)
        if rows:
            yield _deleted(file.type_name, rows) if file.kind == "deleted" else _bodies(rows, subset)
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1][0]


def _page(statement: Statement, job: Job, file: File, after: int, facility: Facility) -> str:
    if file.kind == "deleted":
        chosen = deletions(statement, job, file.type_name)
        return (
            f"SELECT v.vid, r.fid FROM {chosen} AND v.vid > {statement.bind(after)}"
            f" ORDER BY v.vid LIMIT {statement.bind(_AT_ONCE)}"
        )
    chosen = selection(statement, job, file.type_name, facility=facility)
    return (
        f"SELECT v.vid, v.body FROM {chosen} AND v.vid > {statement.bind(after)}"
        f" AND v.vid <= {statement.bind(file.upto)} ORDER BY v.vid LIMIT {statement.bind(_AT_ONCE)}"
    )


def _bodies(rows: Sequence[Row], subset: Subset | None) -> bytes:
    # Bodies are stored compact: none holds a line's end.
    bodies = (bytes(row[1]) for row in rows)
    return _LINE_END.join(bodies if subset is None else map(subset.shown, bodies)) + _LINE_END


def _deleted(type_name: str, rows: Sequence[Row]) -> bytes:
    entries = [{"request": {"method": "DELETE", "url": f"{type_name}/{row[1]}"}} for row in rows]
    return orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}) + _LINE_END
