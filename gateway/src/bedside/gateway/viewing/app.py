"""The views as an HTTP API, with their OpenAPI: `/v1/{role}/…`."""

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bedside.clinical.disclosure import Rights
from bedside.clinical.moments import Moment, shown
from bedside.gateway.emergencies import Emergencies
from bedside.gateway.viewing.admission import admitted, token_ended
from bedside.gateway.viewing.breaking_glass import BREAKERS, BreakingGlass
from bedside.gateway.viewing.composing import composed
from bedside.gateway.viewing.declaration import View
from bedside.gateway.viewing.envelope import VIEW_VERSION, Meta, Problem, answer_model, section_metas
from bedside.gateway.viewing.fetching import Fetching, Sources
from bedside.gateway.viewing.identifying import ID, MRN, by_number, check_not_merged, without_identity
from bedside.gateway.viewing.records import NoSuchPatient, NotAnswered, Records, TokenEnded
from bedside.gateway.viewing.refusals import Refusal, refused, told
from bedside.identity import Caller, Guard, LoginRefused, Unreachable, Verifier
from bedside.identity.access import PUBLIC, access
from bedside.identity.access import role as role_access
from bedside.service import Clock

_REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "No token, or one that is no longer good"},
    403: {"model": Problem, "description": "urn:problem:not-your-role"},
    404: {"model": Problem, "description": "No such patient"},
    410: {"model": Problem, "description": "urn:problem:merged-away, with the survivor's id"},
    503: {"model": Problem, "description": "urn:problem:identity-unavailable"},
}


def views_app(
    views: Iterable[View],
    *,
    records: Records,
    emergencies: Emergencies,
    verifier: Verifier,
    clock: Clock,
    zone: ZoneInfo,
) -> FastAPI:
    """To be mounted at `/v1`."""
    # The bundled documentation pages load scripts from elsewhere; the description itself is enough for any tool.
    app = FastAPI(title="Bedside views", version=VIEW_VERSION, docs_url=None, redoc_url=None)
    app.add_exception_handler(Refusal, told)
    app.add_exception_handler(HTTPException, told)
    for description in app.routes:
        access(PUBLIC)(description.endpoint)  # type: ignore[attr-defined]
    guard = Guard(verifier)
    reading = _Reading(records, emergencies, guard, clock, zone)
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
    BreakingGlass(emergencies, records, guard).add_to(app)
    return app


class _Reading:
    def __init__(self, records: Records, emergencies: Emergencies, guard: Guard, clock: Clock, zone: ZoneInfo) -> None:
        self._records = records
        self._emergencies = emergencies
        self._guard = guard
        self._clock = clock
        self._zone = zone

    def endpoint(self, view: View, role: str) -> Callable[[Request, str], Awaitable[Response]]:
        @access(role_access(role))
        async def read(request: Request, id: str) -> Response:
            bearer, caller = await admitted(request, self._guard, role)
            try:
                numbered = MRN.fullmatch(id)
                if numbered:
                    return await by_number(request, self._records, id, numbered[1], bearer)
                if not ID.fullmatch(id):
                    raise NoSuchPatient
                return await self._read(request, view, role, id, bearer, caller)
            except NoSuchPatient:
                return refused(Refusal(404, "about:blank", "There is no such patient."))
            except TokenEnded:
                return refused(token_ended())
            except NotAnswered as problem:
                return refused(without_identity(problem))

        return read

    async def _read(self, request: Request, view: View, role: str, id_: str, bearer: str, caller: Caller) -> Response:
        sources = await Fetching(self._records, bearer, caller).sources(view, id_)
        check_not_merged(sources.patient)
        moment = Moment(self._clock.now(), self._zone)
        rights = Rights(labels=caller.label_rights, glass_broken=await self._glass_broken(role, id_, bearer))
        return _answered(request, view, sources, moment, composed(view, sources, moment, rights))

    async def _glass_broken(self, role: str, patient: str, bearer: str) -> bool:
        # Who holds two roles looks, by the view of the other, at no more than that one may ever see.
        if role not in BREAKERS:
            return False
        try:
            return await self._emergencies.standing(bearer, patient) is not None
        except LoginRefused as problem:
            raise TokenEnded from problem
        except Unreachable:
            # What cannot be known is never allowed.
            return False


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


def _summary(view: View) -> str:
    return (view.compose.__doc__ or view.name).strip().splitlines()[0]
