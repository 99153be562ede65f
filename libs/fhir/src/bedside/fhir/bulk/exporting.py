"""Export jobs at work: begun, carried on by whoever is there, and ended."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import structlog

from bedside.events.database import Database
from bedside.fhir.bulk import jobs
from bedside.fhir.bulk.asked import Export
from bedside.fhir.bulk.jobs import File, Job
from bedside.fhir.bulk.partitioning import FILE_RESOURCES_MAX, parts
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.purview import Purview
from bedside.fhir.store import timeline
from bedside.fhir.store.instants import stored
from bedside.fhir.store.store import Clock
from bedside.identity import Caller

# Of one caller at a time: each reads all there is.
RUNNING_MAX = 5
_log = structlog.get_logger()


class Exporting:
    """`facility` is where our own references begin; `size` bounds the resources of one file."""

    def __init__(self, database: Database, clock: Clock, facility: Facility, *, size: int = FILE_RESOURCES_MAX) -> None:
        self._database = database
        self._clock = clock
        self._facility = facility
        self._size = size
        self._working: set[asyncio.Task[None]] = set()

    async def begin(self, export: Export, caller: Caller, purview: Purview, request: str) -> Job:
        """Refused with 429 when this caller has RUNNING_MAX jobs under way."""
        now = stored(self._clock.now())
        async with self._database.transaction() as connection:
            await jobs.remove_expired(connection, now)
            if await jobs.count_running(connection, caller.subject, caller.client_id) >= RUNNING_MAX:
                text = f"{RUNNING_MAX} exports of this client are under way: wait for one, or cancel it"
                raise Refused(429, [Issue("throttled", text)])
            since = None if export.since is None else await timeline.since(connection, export.since)
            job = Job(
                id=str(uuid.uuid4()),
                subject=caller.subject,
                client_id=caller.client_id,
                request=request,
                export=export,
                snapshot=await timeline.up_to(connection, timeline.ALWAYS),
                instant=await timeline.newest(connection) or now,
                since=since,
                state="running",
                files=(),
                expires=now + jobs.KEPT_S * 1_000_000,
            )
            await jobs.add(connection, job)
        self._work(job, purview)
        return job

    async def job(self, id: str, caller: Caller) -> Job:
        """Refused with 404 when there is none of this caller's: whose else it is is nobody's business."""
        job = await jobs.read(self._database, id)
        if job is None or (job.subject, job.client_id) != (caller.subject, caller.client_id):
            raise Refused(404, [Issue("not-found", "there is no such export, or no longer")])
        return job

    async def carry_on(self, job: Job, purview: Purview) -> None:
        """Takes over a job that whoever worked on it has left, as when a process was killed."""
        async with self._database.transaction() as connection:
            ours = await jobs.claim(connection, job.id)
        if ours:
            self._work(job, purview)

    async def remove(self, job: Job) -> None:
        """Cancels it when it runs; its files are no longer there."""
        async with self._database.transaction() as connection:
            await jobs.remove(connection, job.id)

    def _work(self, job: Job, purview: Purview) -> None:
        task = asyncio.create_task(self._run(job, purview))
        # The loop itself holds tasks weakly.
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _run(self, job: Job, purview: Purview) -> None:
        try:
            files = await self._cut(job, purview)
        except Exception as error:
            # What failed is told to who asks for the job; nobody waits for this task.
            _log.error("export_failed", error=type(error).__name__, job=job.id)
            await self._ended(lambda connection: jobs.end(connection, job.id, "failed"))
            return
        if files is not None:
            await self._ended(lambda connection: jobs.end(connection, job.id, "done", files))

    async def _cut(self, job: Job, purview: Purview) -> tuple[File, ...] | None:
        """None when it was cancelled meanwhile."""
        files: list[File] = []
        async for file in parts(self._database, job, purview, facility=self._facility, size=self._size):
            files.append(file)
            async with self._database.transaction() as connection:
                if not await jobs.go_on(connection, job.id):
                    return None
        return tuple(files)

    async def _ended(self, end: Callable[..., Awaitable[None]]) -> None:
        async with self._database.transaction() as connection:
            await end(connection)
