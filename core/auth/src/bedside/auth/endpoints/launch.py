"""`/launch`: a person's EHR prepares the launch of an app for whom, and what, is on its screen.

SMART leaves to the server how an EHR gets its `launch`: https://hl7.org/fhir/smart-app-launch/app-launch.html
"""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bedside.auth.access_log import Happening, record
from bedside.auth.answers import NO_STORE, problem, unauthorized
from bedside.auth.authority import Authority
from bedside.auth.directory import active_client, active_user
from bedside.auth.endpoints.access import token_with
from bedside.auth.endpoints.bearer import caller
from bedside.auth.launch_context import LaunchContext
from bedside.auth.launches import LAUNCH_LIFE, open_launch
from bedside.auth.looking import token_to_look
from bedside.auth.records import RecordsAway
from bedside.auth.tables import User
from bedside.auth.whom import may_search
from bedside.identity import Caller, Refused

BODY_BYTES_MAX = 16 * 1024
_ROLE = r"^(launch|[a-z][a-z0-9+.\-]{1,20}:[\x21-\x7e]{1,180})$"
_FhirId = Annotated[str, Field(pattern=r"^[A-Za-z0-9\-.]{1,64}$")]


class _Reference(BaseModel):
    """https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html#fhircontext"""

    model_config = ConfigDict(extra="forbid", strict=True)
    reference: str = Field(pattern=r"^[A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64}$")
    role: str | None = Field(
        default=None, validate_default=True, pattern=r"^(launch|[a-z][a-z0-9+.\-]*:[\x21-\x7e]{1,180})$"
    )
    """An absolute URI; `launch`, the only word that SMART itself defines, is also what a missing one means."""
    type: str | None = Field(default=None, pattern=r"^[A-Z][A-Za-z]{1,63}$")

    @field_validator("role")
    @classmethod
    def _whom_it_is_about_is_said_once(cls, role: str | None, known: ValidationInfo) -> str | None:
        """A second patient or encounter, beside those of the launch, would be one too many to be sure."""
        about = str(known.data.get("reference", "")).partition("/")[0]
        if about in ("Patient", "Encounter") and role in (None, "launch"):
            raise ValueError("the patient and the encounter have members of their own")
        return role


class _Asked(BaseModel):
    """Ids are logical ids."""

    model_config = ConfigDict(extra="forbid", strict=True)
    client_id: str = Field(min_length=1, max_length=200)
    patient: _FhirId | None = None
    encounter: _FhirId | None = None
    intent: str | None = Field(default=None, min_length=1, max_length=200)
    need_patient_banner: bool = True
    fhirContext: list[_Reference] = Field(default_factory=list, max_length=20)  # noqa: N815 - SMART's spelling

    def context(self) -> LaunchContext:
        return LaunchContext(
            patient=self.patient,
            encounter=self.encounter,
            fhir_context=tuple(each.model_dump(exclude_none=True) for each in self.fhirContext),
            intent=self.intent,
            needs_patient_banner=self.need_patient_banner,
            by_ehr=True,
        )


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.post("/launch", openapi_extra=token_with("patient/Patient.r"))
    async def launch(request: Request) -> Response:
        """201 `{launch, expires_in}`. The token is that of a person, who may open the patient."""
        opener = await run_in_threadpool(_opener, authority, request)
        if isinstance(opener, Response):
            return opener
        asked = await _asked(request)
        if isinstance(asked, Response):
            return asked
        try:
            may_open = await _may_open(authority, *opener, asked)
        except RecordsAway:
            return problem(503, "The record cannot be looked up just now.", retry_after_s=2)
        return await run_in_threadpool(_opened, authority, opener[1], asked, may_open)

    return router


def _opener(authority: Authority, request: Request) -> tuple[Caller, User] | Response:
    with authority.units.reading() as session:
        try:
            known = caller(authority, session, request)
        except Refused as refused:
            return unauthorized(refused)
        user = active_user(session, known.subject)
        if user is None or not known.may("r", "Patient"):
            return unauthorized("insufficient_scope")
        return known, user


async def _asked(request: Request) -> _Asked | Response:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return problem(413, "The request is too large.")
    try:
        return _Asked.model_validate_json(body)
    except ValidationError as error:
        at = ", ".join(sorted({".".join(map(str, each["loc"])) or "the body" for each in error.errors()})[:10])
        return problem(400, f"Not understood: {at}.")


async def _may_open(authority: Authority, known: Caller, user: User, asked: _Asked) -> bool:
    if asked.patient is None:
        # An encounter without its patient would say who it is about and let nobody check it.
        return asked.encounter is None
    beyond_one = any(permission.patient is None for permission in known.permissions("r", "Patient"))
    if not beyond_one and asked.patient != known.patient:
        return False
    bearer = token_to_look(authority, user, sorted(known.roles), at=None if may_search(known.roles) else asked.patient)
    if await authority.records.patient(asked.patient, bearer=bearer) is None:
        return False
    return asked.encounter is None or await authority.records.has_encounter(
        asked.encounter, asked.patient, bearer=bearer
    )


def _opened(authority: Authority, user: User, asked: _Asked, may_open: bool) -> Response:
    with authority.units.unit() as session:
        client = active_client(session, asked.client_id)
        if client is None or "launch" not in client.scope.split() or "authorization_code" not in client.grant_types:
            return problem(400, "No client of that name can be launched.")
        happening: dict[str, Any] = {"user_id": user.id, "client_id": client.id, "patient": asked.patient}
        if not may_open:
            record(authority, session, Happening("launch-opened", outcome="refused", **happening))
            return problem(404, "No such patient or encounter is one this person may open.")
        record(authority, session, Happening("launch-opened", **happening))
        secret = open_launch(authority, session, user.id, client, asked.context())
    told = {"launch": secret, "expires_in": int(LAUNCH_LIFE.total_seconds())}
    return JSONResponse(told, 201, headers=NO_STORE)
