"""Cuts what is to be exported into files of a bounded number of resources."""

from collections.abc import AsyncIterator

from bedside.events.database.port import Reader
from bedside.fhir.bulk.jobs import File, Job
from bedside.fhir.bulk.selecting import deletions, selection
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.criteria import Statement
from bedside.fhir.search.purview import Purview

FILE_RESOURCES_MAX = 50_000


async def parts(
    reader: Reader,
    job: Job,
    purview: Purview,
    *,
    facility: Facility,
    size: int = FILE_RESOURCES_MAX,
) -> AsyncIterator[File]:
    """By type and version number."""
    for type_name in job.export.types:
        async for file in _cut(reader, job, purview, type_name, facility=facility, size=size):
            yield file
        # Of a deleted resource nothing is known but that it was: only who may see all of the type is told.
        if job.since is not None and purview.is_whole("s", type_name):
            count = await _count_deleted(reader, job, purview, type_name)
            if count:
                yield File("deleted", type_name, 0, 0, count)


async def _cut(
    reader: Reader, job: Job, purview: Purview, type_name: str, *, facility: Facility, size: int
) -> AsyncIterator[File]:
    after = 0
    while True:
        statement = Statement(reader.dialect, snapshot=job.snapshot, purview=purview)
        chosen = selection(statement, job, type_name, facility=facility)
        row = await reader.fetch_row(
            f"SELECT count(*), max(vid) FROM (SELECT v.vid AS vid FROM {chosen} AND v.vid > {statement.bind(after)}"
            f" ORDER BY v.vid LIMIT {statement.bind(size)}) q",
            *statement.arguments,
        )
        assert row is not None, "an aggregate always gives a row"
        count, upto = row
        if not count:
            return
        yield File("output", type_name, after, upto, count)
        if count < size:
            return
        after = upto


async def _count_deleted(reader: Reader, job: Job, purview: Purview, type_name: str) -> int:
    statement = Statement(reader.dialect, snapshot=job.snapshot, purview=purview)
    chosen = deletions(statement, job, type_name)
    row = await reader.fetch_row(f"SELECT count(*) FROM {chosen}", *statement.arguments)
    assert row is not None, "an aggregate always gives a row"
    return int(row[0])
