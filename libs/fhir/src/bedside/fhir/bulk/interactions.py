"""`$export`, the state of a job, and its files, as they are asked for over HTTP.

https://hl7.org/fhir/uv/bulkdata/STU2/export.html
"""

from collections.abc import Sequence

import orjson
from starlette.responses import Response, StreamingResponse

from bedside.fhir import exact_json
from bedside.fhir.bulk.asked import Level, asked
from bedside.fhir.bulk.exporting import Exporting
from bedside.fhir.bulk.jobs import Job
from bedside.fhir.bulk.manifest import manifest
from bedside.fhir.bulk.members import members_of
from bedside.fhir.bulk.parameters import pairs_in
from bedside.fhir.bulk.permitting import permitted, types_named
from bedside.fhir.bulk.streaming import lines
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.confinement import is_hidden, purview_of
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.known import http_date
from bedside.fhir.rest.negotiation import preference
from bedside.fhir.rest.refusals import outcome
from bedside.fhir.rest.versions import ABSENT
from bedside.fhir.search.asked import Facility
from bedside.fhir.store import current
from bedside.fhir.store.current import Version

NDJSON = "application/fhir+ndjson"
# The answer to a kick-off says by it which version of the Group the members were read in.
GROUP_VERSION = "x-group-version"
_DEFINITIONS = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition"
_RETRY_AFTER_S = "1"
_GONE = Refused(404, [Issue("not-found", "there is no such file of this export")])


class ExportInteractions:
    """Of one app: all of them work on the same jobs."""

    def __init__(self, exporting: Exporting, facility: Facility) -> None:
        self._exporting = exporting
        self._facility = facility

    def all(self) -> tuple[Interaction, ...]:
        kick_offs = [
            Interaction("export", method, path, "entries", handle, speaks=NDJSON, definition=f"{_DEFINITIONS}/{name}")
            for path, name, handle in (
                ("/$export", "export", self._system),
                ("/Patient/$export", "patient-export", self._patients),
                ("/Group/{group}/$export", "group-export", self._members),
            )
            for method in ("GET", "POST")
        ]
        return (
            *kick_offs,
            Interaction("export", "GET", "/$export-status/{job}", "entries", self._status),
            Interaction("export", "DELETE", "/$export-status/{job}", "entries", self._cancel),
            Interaction("export", "GET", "/$export-file/{job}/{of_type}/{place}", "entries", self._file, speaks=NDJSON),
        )

    async def _system(self, exchange: Exchange) -> Response:
        return self._begun(exchange, await self._begin(exchange, "system"))

    async def _patients(self, exchange: Exchange) -> Response:
        return self._begun(exchange, await self._begin(exchange, "patient"))

    async def _members(self, exchange: Exchange) -> Response:
        group = await _group(exchange)
        members = members_of(exact_json.parse(group.body), exchange.engine.base_url)
        response = self._begun(exchange, await self._begin(exchange, "group", members))
        # Whoever exports the rest of these patients elsewhere reads the members in this very version.
        response.headers[GROUP_VERSION] = str(group.version)
        return response

    async def _begin(self, exchange: Exchange, level: Level, members: Sequence[str] | None = None) -> Job:
        if preference(exchange.request, "respond-async") is None:
            text = "an export is only done in the background: send Prefer: respond-async"
            raise Refused(400, [Issue("required", text)])
        pairs = await _pairs(exchange)
        owned = exchange.engine.service.types
        lenient = preference(exchange.request, "handling") == "lenient"
        export = asked(level, pairs, owned=owned, facility=self._facility, lenient=lenient)
        purview = purview_of(exchange.caller)
        export = permitted(export, purview, named=types_named(pairs))
        if members is not None:
            export = export.among(members)
        request = f"{exchange.engine.base_url}{exchange.request.url.path.removeprefix('/fhir')}"
        query = exchange.request.url.query
        return await self._exporting.begin(export, exchange.caller, purview, f"{request}?{query}" if query else request)

    def _begun(self, exchange: Exchange, job: Job) -> Response:
        done = Issue("informational", "the export is under way; ask at Content-Location", severity="information")
        return outcome(202, done, headers={"content-location": f"{exchange.engine.base_url}/$export-status/{job.id}"})

    async def _status(self, exchange: Exchange) -> Response:
        job = await self._exporting.job(exchange.request.path_params["job"], exchange.caller)
        if job.state == "failed":
            raise Refused(503, [Issue("transient", "the export broke off; begin another")])
        if job.state == "running":
            await self._exporting.carry_on(job, purview_of(exchange.caller))
            return Response(status_code=202, headers={"x-progress": "under way", "retry-after": _RETRY_AFTER_S})
        told = orjson.dumps(manifest(job, exchange.engine.base_url))
        return Response(told, media_type="application/json", headers={"expires": http_date(job.expires)})

    async def _cancel(self, exchange: Exchange) -> Response:
        job = await self._exporting.job(exchange.request.path_params["job"], exchange.caller)
        await self._exporting.remove(job)
        return outcome(202, Issue("informational", "the export and its files are gone", severity="information"))

    async def _file(self, exchange: Exchange) -> Response:
        parameters = exchange.request.path_params
        job = await self._exporting.job(parameters["job"], exchange.caller)
        place = parameters["place"]
        if not (place.isascii() and place.isdigit() and len(place) < 8 and int(place) < len(job.files)):
            raise _GONE
        file = job.files[int(place)]
        purview = purview_of(exchange.caller)
        if file.type_name != parameters["of_type"] or not purview.permits("s", file.type_name):
            raise _GONE
        if file.kind == "deleted" and not purview.is_whole("s", file.type_name):
            # The job may have been begun with a wider token than this one.
            raise _GONE
        database = exchange.engine.store.database
        return StreamingResponse(lines(database, job, file, purview, facility=self._facility), media_type=NDJSON)


async def _pairs(exchange: Exchange) -> list[tuple[str, str]]:
    """Of the query, and of the Parameters resource in the body, if there is one."""
    sent = await exchange.sent_if_any() if exchange.request.method == "POST" else None
    return [*exchange.search_pairs, *(pairs_in(sent) if sent is not None else ())]


async def _group(exchange: Exchange) -> Version:
    """Refused with 404 as a read of it would be."""
    database = exchange.engine.store.database
    if "Group" not in exchange.engine.service.types:
        raise Refused(404, [Issue("not-supported", "groups are kept by another service")])
    version = await current.read(database, "Group", exchange.request.path_params["group"])
    if version is None or version.deleted or await is_hidden(database, exchange.caller, "Group", version):
        raise ABSENT
    return version
