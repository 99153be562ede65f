"""The command that opens one patient's whole record in an emergency, its end, and what stands."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

import orjson
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from bedside.clinical.shown import Shown
from bedside.gateway.emergencies import Emergencies, NotBroken
from bedside.gateway.viewing.admission import admitted, token_ended
from bedside.gateway.viewing.envelope import Problem
from bedside.gateway.viewing.identifying import ID, MRN, by_number, check_not_merged, without_identity
from bedside.gateway.viewing.records import NoSuchPatient, NotAnswered, Records, TokenEnded
from bedside.gateway.viewing.refusals import Refusal, refused
from bedside.identity import ROLES, BrokenGlass, Caller, Guard, LoginRefused, Unreachable
from bedside.identity.access import access
from bedside.identity.access import role as role_access
from bedside.identity.emergency import PERMISSION

BREAKERS = tuple(role.name for role in ROLES.values() if PERMISSION in role.permissions)
BODY_BYTES_MAX = 8 * 1024
Command = Callable[[Request, str, str, Caller], Awaitable[Response]]
"""With the patient's logical id, the bearer token and the caller."""
_REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "No good token; or urn:problem:insufficient-user-authentication (RFC 9470)"},
    403: {"model": Problem, "description": "urn:problem:not-your-role"},
    404: {"model": Problem, "description": "No such patient"},
    409: {"model": Problem, "description": "Emergency access to too many patients at once"},
    410: {"model": Problem, "description": "urn:problem:merged-away, with the survivor's id"},
    422: {"model": Problem, "description": "`errors` names each field"},
    503: {"model": Problem, "description": "Auth, or who the patient is, cannot be reached"},
}


class GlassAsked(BaseModel):
    """Why: auth keeps it for the review, and nobody else is told."""

    model_config = ConfigDict(extra="forbid", strict=True)
    reason: Literal["emergency", "patient-asked", "other"]
    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=500)] = Field(
        description="At least ten characters"
    )


class GlassShown(Shown):
    """`until` and `id` are null where it is not open."""

    patient_id: str
    break_glass: Literal["active", "available"]
    id: str | None
    until: str | None


class BreakingGlass:
    def __init__(self, emergencies: Emergencies, records: Records, guard: Guard) -> None:
        self._emergencies = emergencies
        self._records = records
        self._guard = guard

    def add_to(self, app: FastAPI) -> None:
        for role in BREAKERS:
            for method, suffix, command, name in (
                ("GET", "", self._look, "emergency-access"),
                ("POST", "", self._begin, "break-glass"),
                ("POST", "/end", self._end, "end-break-glass"),
            ):
                app.add_api_route(
                    f"/{role}/patients/{{id}}/break-glass{suffix}",
                    self._endpoint(role, command),
                    methods=[method],
                    name=f"{role} {name}",
                    operation_id=f"{role}-{name}",
                    tags=[role],
                    response_model=GlassShown,
                    responses=_REFUSALS,
                    summary=(command.__doc__ or "").strip().splitlines()[0],
                    openapi_extra=_BODY if command == self._begin else None,
                )

    def _endpoint(self, role: str, command: Command) -> Callable[[Request, str], Awaitable[Response]]:
        @access(role_access(role))
        async def answered(request: Request, id: str) -> Response:
            bearer, caller = await admitted(request, self._guard, role)
            try:
                numbered = MRN.fullmatch(id)
                if numbered:
                    return await by_number(request, self._records, id, numbered[1], bearer)
                if not ID.fullmatch(id):
                    raise NoSuchPatient
                return await command(request, id, bearer, caller)
            except NoSuchPatient:
                return refused(Refusal(404, "about:blank", "There is no such patient."))
            except (TokenEnded, LoginRefused):
                return refused(token_ended())
            except NotAnswered as problem:
                return refused(without_identity(problem))
            except NotBroken as problem:
                return refused(_not_broken(problem))
            except Unreachable:
                text = "Emergency access cannot be opened or ended at the moment."
                return refused(Refusal(503, "about:blank", text, headers={"Retry-After": "2"}))

        return answered

    async def _look(self, request: Request, patient: str, bearer: str, caller: Caller) -> Response:
        """Whether emergency access to this patient stands, and until when"""
        return _shown(patient, await self._emergencies.standing(bearer, patient), 200)

    async def _begin(self, request: Request, patient: str, bearer: str, caller: Caller) -> Response:
        """Open this patient's whole record for half an hour: it is told to the privacy office, and reviewed"""
        asked = await _asked(request)
        check_not_merged(await self._records.patient(patient, bearer))
        before = await self._emergencies.standing(bearer, patient)
        await self._emergencies.begin(bearer, caller, patient=patient, reason=asked.reason, note=asked.note)
        stands = await self._emergencies.standing(bearer, patient)
        if stands is None:
            raise Unreachable("what was begun does not stand")
        return _shown(patient, stands, 200 if before is not None and before.id == stands.id else 201)

    async def _end(self, request: Request, patient: str, bearer: str, caller: Caller) -> Response:
        """End emergency access to this patient"""
        await self._emergencies.end(bearer, caller, patient=patient)
        return _shown(patient, None, 200)


async def _asked(request: Request) -> GlassAsked:
    """Raises Refusal that names each field by JSON pointer."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise Refusal(413, "about:blank", "The request is too large.")
    try:
        return GlassAsked.model_validate_json(body)
    except ValidationError as error:
        errors = [
            {"pointer": "".join(f"/{part}" for part in each["loc"][:1]), "text": _WRONG.get(each["loc"][:1], _UNKNOWN)}
            for each in error.errors()[:10]
        ]
        raise Refusal(422, "about:blank", "This is not what emergency access asks for.", {"errors": errors}) from error


_WRONG: dict[tuple[int | str, ...], str] = {
    ("reason",): "One of emergency, patient-asked, other.",
    ("note",): "Ten to 500 characters that say what it is for.",
    (): "A JSON object with reason and note.",
}
_UNKNOWN = "There is no such field."
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": GlassAsked.model_json_schema()}},
    }
}


def _shown(patient: str, stands: BrokenGlass | None, status: int) -> Response:
    told = GlassShown(
        patient_id=patient,
        break_glass="active" if stands else "available",
        id=stands.id if stands else None,
        until=stands.until.isoformat() if stands else None,
    )
    headers = {"Cache-Control": "no-store", "Vary": "Authorization"}
    return Response(orjson.dumps(told.model_dump(by_alias=True)), status, headers, "application/json")


def _not_broken(problem: NotBroken) -> Refusal:
    if problem.max_age is not None:
        wanted: dict[str, Any] = {"max_age": problem.max_age}
        if problem.acr_values:
            wanted |= {"acr_values": problem.acr_values}
        challenge = {"WWW-Authenticate": problem.challenge or "Bearer"}
        return Refusal(401, "insufficient-user-authentication", problem.sentence, wanted, challenge)
    if problem.status == 401:
        return token_ended()
    name = "not-your-role" if problem.status == 403 else "about:blank"
    return Refusal(problem.status, name, problem.sentence)
