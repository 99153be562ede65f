"""`/scim/v2`: the directory for those who provision it. https://www.rfc-editor.org/rfc/rfc7644"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import orjson
from fastapi import APIRouter
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bedside.auth.answers import NO_STORE
from bedside.auth.authority import Authority
from bedside.auth.directory.actor import MANAGES_USERS
from bedside.auth.endpoints.access import PUBLIC, token_with
from bedside.auth.endpoints.bearer import caller
from bedside.auth.scim import BODY_BYTES_MAX, CONFIGURATION, Scim
from bedside.auth.sign_in.passwords import PASSWORD_CHARACTERS_MAX
from bedside.identity import Caller, Refused

PATH = "/scim/v2"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_NESTED_MAX = 12
_PASSWORDS_MAX = 100


def routes(authority: Authority) -> APIRouter:
    router = APIRouter()
    scim = Scim(authority)

    @router.api_route(PATH + CONFIGURATION, methods=["GET"], openapi_extra=PUBLIC)
    async def configuration(request: Request) -> Response:
        return await serve(request, CONFIGURATION.removeprefix("/"))

    @router.api_route(PATH, methods=_METHODS, openapi_extra=token_with(MANAGES_USERS))
    @router.api_route(PATH + "/{path:path}", methods=_METHODS, openapi_extra=token_with(MANAGES_USERS))
    async def serve(request: Request, path: str = "") -> Response:
        body = await _body(request)
        if body is None:
            return _answer(scim.too_large())
        known = await run_in_threadpool(_caller, authority, request)
        asked = ScimRequest(
            method=request.method,
            base_url=authority.installation.issuer + PATH,
            path=f"/{path}",
            query=dict(parse_qsl(request.url.query, keep_blank_values=True)),
            headers=list(request.headers.items()),
            body=body,
            subject=known,
        )
        # Hashing takes its time, and is done for those who may set a password, before any unit of work begins.
        may_set = known is not None and known.holds(MANAGES_USERS)
        passwords = (
            {password: await authority.passwords.hashed(password) for password in _passwords(body)[:_PASSWORDS_MAX]}
            if may_set
            else {}
        )
        return _answer(await run_in_threadpool(scim.answer, asked, passwords))

    return router


def _caller(authority: Authority, request: Request) -> Caller | None:
    with authority.units.reading() as session:
        try:
            return caller(authority, session, request)
        except Refused:
            return None


async def _body(request: Request) -> bytes | None:
    """None for one that is too large: the rest of it is not read."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return None
    return bytes(body)


def _answer(answer: ScimResponse) -> Response:
    content = b"" if answer.body is None else orjson.dumps(answer.body)
    return Response(content, int(answer.status), headers=answer.headers | NO_STORE)


def _passwords(body: bytes) -> list[str]:
    """Every password that a body may set, wherever in it; what cannot be read here is refused later."""
    try:
        content = orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        return []
    found = dict.fromkeys(_within(content, 0))
    return [password for password in found if 0 < len(password) <= PASSWORD_CHARACTERS_MAX]


def _within(content: Any, depth: int) -> Iterator[str]:
    if depth > _NESTED_MAX:
        return
    if isinstance(content, list):
        for item in content:
            yield from _within(item, depth + 1)
    elif isinstance(content, dict):
        for name, value in content.items():
            if isinstance(value, str):
                # `password`, its whole URN, and a PATCH operation whose path is either.
                path = str(content.get("path", "")) if name.casefold() == "value" else name
                if path.casefold().endswith("password"):
                    yield value
            else:
                yield from _within(value, depth + 1)
