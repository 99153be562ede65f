"""The views as an HTTP API, with their OpenAPI: `/v1/{role}/…`."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import orjson
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bedside.clinical.disclosure import Rights
from bedside.clinical.moments import Moment, shown
from bedside.clinical.resources import Patient
from bedside.gateway.viewing.admission import admitted, token_ended
from bedside.gateway.viewing.composing import composed
from bedside.gateway.viewing.declaration import View
from bedside.gateway.viewing.envelope import VIEW_VERSION, Meta, Problem, answer_model, section_metas
from bedside.gateway.viewing.fetching import Fetching, Sources
from bedside.gateway.viewing.records import NoSuchPatient, NotAnswered, Records, TokenEnded
from bedside.gateway.viewing.refusals import Refusal, refused, told
from bedside.identity import Caller, Guard, Verifier
from bedside.identity.access import PUBLIC, access
from bedside.identity.access import role as role_access
from bedside.service import Clock

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_MRN = re.compile(r"mrn:(\S{1,64})")
_REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "No token, or one that is no longer good"},
    403: {"model": Problem, "description": "urn:problem:not-your-role"},
    404: {"model": Problem, "description": "No such patient"},
    410: {"model": Problem, "description": "urn:problem:merged-away, with the survivor's id"},
    503: {"model": Problem, "description": "urn:problem:identity-unavailable"},
}


def views_app(views: Iterable[View], *, records: Records, verifier: Verifier, clock: Clock, zone: ZoneInfo) -> FastAPI:
    """To be mounted at `/v1`."""
    # The bundled documentation pages load scripts from elsewhere; the description itself is enough for any tool.
    app = FastAPI(title="Bedside views", version=VIEW_VERSION, docs_url=None, redoc_url=None)
    app.add_exception_handler(Refusal, told)
    app.add_exception_handler(HTTPException, told)
    for description in app.routes:
        access(PUBLIC)(description.endpoint)  # type: ignore[attr-defined]
    reading = _Reading(records, Guard(verifier), clock, zone)
    for view in views:
        model = answer_model(view)
        for role in view.roles:
            app.add_api_route(
                f"/{role}/{view.path}",
                reading.endpoint(view, role),
                methods=["GET"],
                name=f"{role} {view.name}",
                operation_id=f"{role}-{view.name}",
                tags=[role],
                response_model=model,
                responses=_REFUSALS,
                summary=_summary(view),
            )
    return app


class _Reading:
    def __init__(self, records: Records, guard: Guard, clock: Clock, zone: ZoneInfo) -> None:
        self._records = records
        self._guard = guard
        self._clock = clock
        self._zone = zone

    def endpoint(self, view: View, role: str) -> Callable[[Request, str], Awaitable[Response]]:
        @access(role_access(role))
        async def read(request: Request, id: str) -> Response:
            bearer, caller = await admitted(request, self._guard, role)
            try:
                numbered = _MRN.fullmatch(id)
                if numbered:
                    return await self._by_number(request, id, numbered[1], bearer)
                if not _ID.fullmatch(id):
                    raise NoSuchPatient
                return await self._read(request, view, id, bearer, caller)
            except NoSuchPatient:
                return refused(Refusal(404, "about:blank", "There is no such patient."))
            except TokenEnded:
                return refused(token_ended())
            except NotAnswered as problem:
                return refused(_without_identity(problem))

        return read

    async def _read(self, request: Request, view: View, id_: str, bearer: str, caller: Caller) -> Response:
        sources = await Fetching(self._records, bearer, caller).sources(view, id_)
        survivor = _survivor(sources.patient)
        if survivor:
            return refused(Refusal(410, "merged-away", "This record was merged into another.", {"survivor": survivor}))
        moment = Moment(self._clock.now(), self._zone)
        body = composed(view, sources, moment, Rights(labels=caller.label_rights))
        return _answered(request, view, sources, moment, body)

    async def _by_number(self, request: Request, given: str, number: str, bearer: str) -> Response:
        page = await self._records.search("Patient", [("identifier", number), ("_count", "10")], bearer)
        ids = sorted({record["id"] for record in page.records if _has_mrn(record, number)})
        if not ids:
            raise NoSuchPatient
        if len(ids) > 1:
            return refused(Refusal(409, "possible-duplicate", "Several patients have this number.", {"ids": ids}))
        path = request.scope["root_path"] + request.scope["path"].removeprefix(request.scope["root_path"])
        location = quote(path.replace(given, ids[0], 1))
        return Response(status_code=307, headers={"Location": location, "Cache-Control": "no-store"})


def _answered(request: Request, view: View, sources: Sources, moment: Moment, body: BaseModel) -> Response:
    sections = section_metas(view, sources)
    partial = any(section.status in ("partial", "unavailable") for section in sections.values())
    meta = Meta(
        view=view.name,
        view_version=VIEW_VERSION,
        generated_at=shown(moment.now, moment.zone),
        as_of=None,
        time_zone=str(moment.zone),
        completeness="partial" if partial else "complete",
        request_id=request.scope.get("request_id"),
        sections=sections,
    )
    told_body = body.model_dump(by_alias=True)
    etag = _etag(view, told_body)
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization",
        "X-View-Completeness": meta.completeness,
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    content = orjson.dumps({"meta": meta.model_dump(by_alias=True), **told_body})
    return Response(content, headers=headers, media_type="application/json")


def _etag(view: View, told_body: dict[str, Any]) -> str:
    """Of the body, not of the versions: time alone makes a value stale, and a hidden record must leave no trace."""
    digest = hashlib.sha256(orjson.dumps([view.name, VIEW_VERSION, told_body]))
    return f'W/"{digest.hexdigest()[:32]}"'


def _survivor(patient: Patient) -> str | None:
    for link in patient.get("link", []):
        if link.get("type") == "replaced-by":
            return link.get("other", {}).get("reference", "").rpartition("/")[2] or None
    return None


def _has_mrn(record: dict[str, Any], number: str) -> bool:
    return any(
        identifier.get("value") == number and identifier.get("use") != "old"
        for identifier in record.get("identifier") or []
        if "MR" in {coding.get("code") for coding in (identifier.get("type") or {}).get("coding") or []}
    )


def _without_identity(problem: NotAnswered) -> Refusal:
    if problem.problem == "not-permitted":
        return Refusal(403, "not-your-role", "You may not see this patient.")
    return Refusal(
        503, "identity-unavailable", "Who the patient is could not be loaded, so nothing is shown.",
        headers={"Retry-After": "2"},
    )  # fmt: skip


def _summary(view: View) -> str:
    return (view.compose.__doc__ or view.name).strip().splitlines()[0]
