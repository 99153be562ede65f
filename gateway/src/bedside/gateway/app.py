"""The gateway's app: the FHIR base, the views and the workbench behind one address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.types import ASGIApp

from bedside.events import Event
from bedside.events.catalog import BreakGlassUsed
from bedside.gateway.emergencies import AuthsEmergencies
from bedside.gateway.federation.federated_base import FederatedBase
from bedside.gateway.federation.wire import NetworkWire
from bedside.gateway.ownership import AUTH, ENCOUNTERS, PATIENTS
from bedside.gateway.problems import told
from bedside.gateway.viewing.app import views_app
from bedside.gateway.viewing.records import OwnersRecords
from bedside.gateway.views import VIEWS
from bedside.gateway.workbench import workbench_routes
from bedside.identity import Exchange
from bedside.service import Runtime


async def build(runtime: Runtime) -> ASGIApp:
    settings = runtime.settings
    exchange = Exchange(runtime.login, runtime.denylist)
    runtime.listeners.append(partial(_forget, exchange))
    base = FederatedBase(
        public_base=settings.fhir_base,
        addresses={
            PATIENTS: settings.address("patients"),
            ENCOUNTERS: settings.address("encounters"),
            AUTH: settings.address("auth"),
        },
        issuer=settings.issuer,
        verifier=runtime.verifier({settings.fhir_base}),
        wire=NetworkWire(),
        exchange=exchange,
        own_token=runtime.login.token,
        page_key=settings.sealing_key("gateway", "search pages"),
    )
    runtime.in_background("capabilities", base.capabilities.keep_fresh)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await inside.aclose()
            await base.owners.close()

    views = views_app(
        VIEWS,
        records=OwnersRecords(base.owners),
        emergencies=AuthsEmergencies(
            exchange=exchange,
            http=runtime.http,
            auth=settings.address("auth"),
            owner=settings.address("patients"),
            clock=runtime.real_clock,
        ),
        verifier=runtime.verifier({settings.fhir_base}),
        clock=runtime.clock,
        zone=settings.zone,
    )
    # What no route declares is refused: there is no fallback that serves.
    public = Starlette(
        routes=[*base.routes(), Mount("/v1", views)], exception_handlers={HTTPException: told}, lifespan=lifespan
    )
    runtime.notes_accesses(public)
    # The workbench is a client of the same API as everyone's, without the network between.
    inside = httpx.AsyncClient(transport=httpx.ASGITransport(public), base_url="http://gateway")
    public.routes.extend(workbench_routes(runtime, inside))
    return public


def _forget(exchange: Exchange, event: Event) -> None:
    """What was exchanged before somebody broke the glass, at whichever gateway, does not say so."""
    if event.is_a(BreakGlassUsed):
        exchange.forget(event.read_as(BreakGlassUsed).user)
