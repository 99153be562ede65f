"""`$export`, the state of a job, and its files, as they are asked for over HTTP.

https://hl7.org/fhir/uv/bulkdata/STU2/export.html
"""

from collections.abc import Sequence
from typing import Any

import orjson
from starlette.responses import Response, StreamingResponse

from bedside.fhir import exact_json
from bedside.fhir.bulk.asked import Export, Level, asked
from bedside.fhir.bulk.exporting import Exporting
from bedside.fhir.bulk.manifest import manifest
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
from bedside.fhir.search.purview import Purview
from bedside.fhir.store import current
from bedside.fhir.store.references import local

NDJSON = "application/fhir+ndjson"
_RETRY_AFTER_S = "1"
_GONE = Refused(404, [Issue("not-found", "there is no such file of this export")])


class ExportInteractions:
    """Of one app: all of them work on the same jobs."""

    def __init__(self, exporting: Exporting, facility: Facility) -> None:
        self._exporting = exporting
        self._facility = facility

    def all(self) -> tuple[Interaction, ...]:
        kick_offs = [
            Interaction("export", method, path, "entries", handle)
            for path, handle in (
                ("/$export", self._system),
                ("/Patient/$export", self._patients),
                ("/Group/{group}/$export", self._group),
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
        return await self._begin(exchange, "system")

    async def _patients(self, exchange: Exchange) -> Response:
        return await self._begin(exchange, "patient")

    async def _group(self, exchange: Exchange) -> Response:
        return await self._begin(exchange, "group", await _members(exchange))

    async def _begin(self, exchange: Exchange, level: Level, members: Sequence[str] | None = None) -> Response:
        if preference(exchange.request, "respond-async") is None:
            text = "an export is only done in the background: send Prefer: respond-async"
            raise Refused(400, [Issue("required", text)])
        pairs = await _pairs(exchange)
        owned = exchange.engine.service.types
        lenient = preference(exchange.request, "handling") == "lenient"
        export = asked(level, pairs, owned=owned, facility=self._facility, lenient=lenient)
        purview = purview_of(exchange.caller)
        named = {each for name, value in pairs if name == "_type" for each in value.split(",")}
        export = _permitted(export, purview, named)
        if members is not None:
            export = _among(export, members)
        request = f"{exchange.engine.base_url}{exchange.request.url.path.removeprefix('/fhir')}"
        query = exchange.request.url.query
        job = await self._exporting.begin(export, exchange.caller, purview, f"{request}?{query}" if query else request)
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
    """Of the query, or of the Parameters resource in the body."""
    if exchange.request.method != "POST":
        return exchange.search_pairs
    sent = await exchange.sent()
    parameters = sent.get("parameter", [])
    if sent.get("resourceType") != "Parameters" or not isinstance(parameters, list):
        raise Refused(400, [Issue("structure", "send a Parameters resource", "Parameters")])
    return [*exchange.search_pairs, *(_pair(each, place) for place, each in enumerate(parameters))]


def _pair(parameter: Any, place: int) -> tuple[str, str]:
    at = f"Parameters.parameter[{place}]"
    if not isinstance(parameter, dict) or not isinstance(parameter.get("name"), str):
        raise Refused(400, [Issue("required", "a parameter has a name", at)])
    value = next((each for name, each in parameter.items() if name.startswith("value")), None)
    if isinstance(value, dict):
        value = value.get("reference")
    if not isinstance(value, str):
        raise Refused(400, [Issue("value", "a parameter of an export has a value of text, or a reference", at)])
    return parameter["name"], value


def _permitted(export: Export, purview: Purview, named: set[str]) -> Export:
    """What was asked for by name must be permitted; of all the rest, what is."""
    open_to_caller = tuple(each for each in export.types if purview.permits("s", each) and purview.permits("r", each))
    closed = sorted(named & (set(export.types) - set(open_to_caller)))
    if closed or (export.types and not open_to_caller):
        raise Refused(403, [Issue("forbidden", f"no granted scope permits to export {', '.join(closed) or 'this'}")])
    return Export(export.level, open_to_caller, export.since, export.filters, export.patients)


async def _members(exchange: Exchange) -> list[str]:
    """The logical ids of the patients of the group. Refused with 404 as a read of it would be."""
    database = exchange.engine.store.database
    if "Group" not in exchange.engine.service.types:
        raise Refused(404, [Issue("not-supported", "groups are kept by another service")])
    version = await current.read(database, "Group", exchange.request.path_params["group"])
    if version is None or version.deleted or await is_hidden(database, exchange.caller, "Group", version):
        raise ABSENT
    group = exact_json.parse(version.body)
    references = [
        local(member.get("entity", {}).get("reference", ""))
        for member in group.get("member", ())
        if not member.get("inactive", False)
    ]
    return [key.partition("/")[2] for key in references if key is not None and key.startswith("Patient/")]


def _among(export: Export, members: Sequence[str]) -> Export:
    """The members of the group; of those, the patients that were named."""
    named = None if export.patients is None else set(export.patients)
    patients = tuple(each for each in dict.fromkeys(members) if named is None or each in named)
    return Export(export.level, export.types, export.since, export.filters, patients)
