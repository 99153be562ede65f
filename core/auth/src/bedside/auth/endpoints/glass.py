"""`/glass`: a person opens one patient's whole record in an emergency, for half an hour, and closes it again.

Whose present sign-in is too old, or too weak, is answered as https://www.rfc-editor.org/rfc/rfc9470 has it.
"""

import unicodedata
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bedside.auth.access_log import Happening, record
from bedside.auth.answers import NO_STORE, problem, unauthorized
from bedside.auth.authority import Authority
from bedside.auth.endpoints.access import permission
from bedside.auth.endpoints.bearer import verified_bearer
from bedside.auth.glass import NOTE_MAX, NOTE_MIN, GlassRefused, StepUp, break_glass, end_glass, step_up_wanted
from bedside.auth.glass.breaking import check_may_ask
from bedside.auth.tables import Glass
from bedside.identity import BREAK_GLASS, Refused, Verified
from bedside.identity.emergency import PERMISSION

BODY_BYTES_MAX = 8 * 1024
_STATUS = {"not-permitted": 403, "app": 403, "too-many": 409}


def _said(note: str) -> str:
    """Without space around it and without invisible characters; so long that it can say something."""
    seen = (letter for letter in note if letter == "\n" or unicodedata.category(letter) not in ("Cc", "Cf", "Cs"))
    kept = "".join(seen).strip()
    if not NOTE_MIN <= len(kept) <= NOTE_MAX:
        raise ValueError("too short or too long")
    return kept


class _Asked(BaseModel):
    """`patient` is a logical id. The note is kept here, and goes nowhere else."""

    model_config = ConfigDict(extra="forbid", strict=True)
    patient: str = Field(pattern=r"^[A-Za-z0-9\-.]{1,64}$")
    reason: Literal["emergency", "patient-asked", "other"]
    note: Annotated[str, Field(max_length=4 * NOTE_MAX), AfterValidator(_said)]


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.post("/glass", openapi_extra=permission(PERMISSION))
    async def glass(request: Request) -> Response:
        """201 with what begins, 200 with what stands already. 401 with `max_age` when the sign-in is too old."""
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                return problem(413, "The request is too large.")
        return await run_in_threadpool(_broken, authority, request, body)

    @router.post("/glass/{glass_id}/end", openapi_extra=permission(PERMISSION))
    def end(request: Request, glass_id: str) -> Response:
        """200, also when it is over already; 404 for anybody else's."""
        with authority.units.unit() as session:
            asker = _asker(authority, session, request)
            if isinstance(asker, Response):
                return asker
            ended = end_glass(authority, session, user_id=asker.subject, glass_id=glass_id)
        return _told(ended, 200) if ended is not None else problem(404, "You have no such emergency access.")

    return router


def _broken(authority: Authority, request: Request, body: bytes) -> Response:
    with authority.units.unit() as session:
        asker = _asker(authority, session, request)
        if isinstance(asker, Response):
            return asker
        try:
            asked = _Asked.model_validate_json(body)
        except ValidationError as error:
            at = ", ".join(sorted({".".join(map(str, each["loc"])) or "the body" for each in error.errors()})[:10])
            return problem(400, f"Not understood: {at}.")
        try:
            begun, is_new = break_glass(
                authority, session, asker, patient=asked.patient, reason=asked.reason, note=asked.note
            )
        except GlassRefused as refused:
            return _refused(authority, session, asker, refused, patient=asked.patient)
        return _told(begun, 201 if is_new else 200)


def _asker(authority: Authority, session: Session, request: Request) -> Verified | Response:
    try:
        token = verified_bearer(authority, session, request)
    except Refused as refused:
        return unauthorized(refused)
    try:
        check_may_ask(authority, session, token)
    except GlassRefused as refused:
        return _refused(authority, session, token, refused)
    return token


def _refused(
    authority: Authority, session: Session, token: Verified, refused: GlassRefused, *, patient: str | None = None
) -> Response:
    happening = Happening(
        "glass-broken",
        "refused",
        user_id=token.subject if token.subject != token.client_id else None,
        client_id=token.client_id,
        patient=patient,
        purpose=BREAK_GLASS,
        detail={"reason": refused.reason},
    )
    record(authority, session, happening)
    if refused.reason == "step-up":
        return _stepping_up(step_up_wanted(authority.installation), refused.sentence)
    return problem(_STATUS[refused.reason], refused.sentence)


def _stepping_up(wanted: StepUp, sentence: str) -> Response:
    content: dict[str, Any] = {
        "type": "urn:problem:insufficient-user-authentication",
        "title": "Unauthorized",
        "status": 401,
        "detail": sentence,
        "max_age": wanted.max_age,
    }
    if wanted.acr_values:
        content["acr_values"] = wanted.acr_values
    headers = NO_STORE | {"WWW-Authenticate": wanted.challenge}
    return JSONResponse(content, 401, headers=headers, media_type="application/problem+json")


def _told(glass: Glass, status: int) -> Response:
    told = {
        "id": glass.id,
        "patient": glass.patient,
        "reason": glass.reason,
        "began_at": glass.began_at.isoformat(),
        "until": glass.until.isoformat(),
        "ended_at": glass.ended_at.isoformat() if glass.ended_at else None,
    }
    return JSONResponse(told, status, headers=NO_STORE)
