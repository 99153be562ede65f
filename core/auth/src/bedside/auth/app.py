"""auth as an ASGI app."""

from functools import partial
from typing import TYPE_CHECKING

from anyio import to_thread
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bedside.auth import account, admin
from bedside.auth.access_log.anchoring import keep_anchoring
from bedside.auth.access_log.sealing import keep_sealing
from bedside.auth.answers import NO_STORE, refused_request
from bedside.auth.authority import Authority
from bedside.auth.authorizing import AnsweredAlready
from bedside.auth.closed import Closed
from bedside.auth.endpoints import (
    accesses,
    account_password,
    another_person,
    audit_events,
    authorize,
    consent,
    discovery,
    end_session,
    enrol,
    factor,
    glass,
    introspect,
    launch,
    par,
    password,
    patient,
    register,
    revocations,
    revoke,
    scim,
    sign_in,
    token,
    userinfo,
)
from bedside.auth.endpoints.access import check_declared
from bedside.auth.installation import Installation
from bedside.auth.keys.turning import keep_turning
from bedside.auth.launch_context import STYLE_PATH
from bedside.auth.reactions import FOLLOWING
from bedside.auth.refusals import OAuthRefused
from bedside.identity import Unreachable

if TYPE_CHECKING:
    from bedside.service import Runtime

# Routes are tried in this order, 1 µs each: what programs ask all day stands before what people open.
_ENDPOINTS = (
    token,
    introspect,
    accesses,
    revocations,
    discovery,
    par,
    revoke,
    userinfo,
    audit_events,
    launch,
    glass,
    register,
    scim,
    authorize,
    sign_in,
    factor,
    enrol,
    password,
    account,
    account_password,
    patient,
    consent,
    another_person,
    end_session,
    admin,
)
_FROM_ANY_ORIGIN = (
    "/.well-known/",
    "/jwks",
    "/openapi.json",
    "/token",
    "/par",
    "/userinfo",
    "/revoke",
    "/launch",
    STYLE_PATH,
)


async def build(runtime: "Runtime") -> ASGIApp:
    """Its database must have been migrated. Service clients are registered at every start."""
    # Needed by the running service only, not by who uses the endpoints in a test.
    from bedside.auth.demo import ensure_services
    from bedside.service.feed import FeedRoute

    installation = Installation.of(runtime.settings)
    authority = await to_thread.run_sync(Authority.opened, installation)
    await to_thread.run_sync(ensure_services, authority)
    runtime.tells()
    runtime.in_background("sealing of the access log", partial(keep_sealing, authority.units))
    runtime.in_background(
        "anchoring of the access log",
        partial(keep_anchoring, authority.units, authority.sealing, runtime.settings.data_dir),
    )
    runtime.in_background("keys", partial(keep_turning, authority))
    runtime.has_a_heartbeat()
    runtime.follows_revocations(partial(to_thread.run_sync, revocations.state, authority))
    await runtime.reacts([following.of(authority) for following in FOLLOWING])
    feed = FeedRoute(runtime.own_database, runtime.verifier(set(installation.own_audiences)))
    return Starlette(routes=[Route("/events", feed.shown), Mount("/", application(authority))])


def application(authority: Authority) -> ASGIApp:
    app = FastAPI(title="Bedside auth", docs_url=None, redoc_url=None, openapi_url=None)
    for endpoint in _ENDPOINTS:
        # Flat, rather than by include_router, whose routes cannot be enumerated.
        app.router.routes.extend(endpoint.routes(authority).routes)
    app.add_exception_handler(OAuthRefused, refused_request)
    app.add_exception_handler(AnsweredAlready, _answered_already)
    for away in (OperationalError, PoolTimeout, Unreachable):
        app.add_exception_handler(away, _database_away)
    app.add_middleware(Closed, encrypted=authority.installation.encrypted)
    app.state.authority = authority
    check_declared(app)
    return _OpenToBrowsers(app)


async def _answered_already(request: Request, error: Exception) -> Response:
    return sign_in.too_late()


async def _database_away(request: Request, error: Exception) -> Response:
    body = {"error": "temporarily_unavailable", "error_description": "try again in a moment"}
    return JSONResponse(body, 503, headers=NO_STORE | {"Retry-After": "2"})


class _OpenToBrowsers:
    """Apps in browsers may call the endpoints that need no cookie, and none of the others."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._open = CORSMiddleware(
            app,
            allow_origins=["*"],
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "DPoP"],
            max_age=600,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        open_to_browsers = scope["type"] == "http" and scope["path"].startswith(_FROM_ANY_ORIGIN)
        await (self._open if open_to_browsers else self.app)(scope, receive, send)
