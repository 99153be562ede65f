"""From a core service's declaration to its app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from bedside.service.runtime import Runtime

if TYPE_CHECKING:
    from bedside.fhir.declaration import Service


async def core_service(declaration: Service, runtime: Runtime) -> ASGIApp:
    """FHIR at `/fhir`, the facts it told at `/events`; it tells and reacts while it runs."""
    # The engine is imported by who runs a core service, not by who asks for the settings.
    from bedside.fhir.app import fhir_app
    from bedside.service.feed import FeedRoute

    verifier = runtime.verifier({runtime.address})
    app = fhir_app(
        declaration,
        database=runtime.own_database,
        verifier=verifier,
        base_url=runtime.settings.fhir_base,
        address=runtime.address,
        peers=None,
        clock=runtime.real_clock,
    )
    runtime.tells()
    runtime.reacts(declaration.reactions)
    return Starlette(routes=[Route("/events", FeedRoute(runtime.own_database, verifier)), Mount("/", app)])
