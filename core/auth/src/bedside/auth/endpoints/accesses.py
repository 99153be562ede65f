"""`/internal/accesses`: what the services tell of who asked them for what, as lines of JSON."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bedside.auth.access_log.taking import LINES_MAX, take
from bedside.auth.answers import NO_STORE, unauthorized
from bedside.auth.authority import Authority
from bedside.auth.endpoints.access import token_with
from bedside.auth.endpoints.bearer import caller
from bedside.identity import Refused

SCOPE = "system/accesses.write"
BODY_BYTES_MAX = 16 * 1024 * 1024


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()

    @router.post("/internal/accesses", openapi_extra=token_with(SCOPE))
    async def accesses(request: Request) -> Response:
        body = await _body(request)
        return await run_in_threadpool(_taken, authority, request, body)

    return router


def _taken(authority: Authority, request: Request, body: bytes | None) -> Response:
    with authority.units.reading() as session:
        try:
            known = caller(authority, session, request)
        except Refused as refused:
            return unauthorized(refused.error)
        if not known.holds(SCOPE):
            return unauthorized("insufficient_scope")
    lines = body.splitlines() if body is not None else []
    if body is None or len(lines) > LINES_MAX:
        return JSONResponse({"error": "too many at once"}, 413, headers=NO_STORE)
    with authority.units.unit() as session:
        taken = take(session, lines)
    return JSONResponse({"taken": taken.rows, "unreadable": taken.unreadable}, headers=NO_STORE)


async def _body(request: Request) -> bytes | None:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return None
    return bytes(body)
