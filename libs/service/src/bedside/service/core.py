"""From a core service's declaration to its app."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from bedside.service.runtime import Runtime
from bedside.service.settings import ServiceName

if TYPE_CHECKING:
    from bedside.fhir.declaration import Service
    from bedside.fhir.existence.peers import Peers


async def core_service(declaration: Service, runtime: Runtime) -> ASGIApp:
    """FHIR at `/fhir`, the facts it told at `/events`; it tells and reacts while it runs."""
    # The engine is imported by who runs a core service, not by who asks for the settings.
    from bedside.fhir.app import fhir_app
    from bedside.service.feed import FeedRoute

    verifier = runtime.verifier({runtime.address})
    app = fhir_app(
        replace(declaration, enforces_profiles=runtime.settings.validate_profiles),
        database=runtime.own_database,
        verifier=verifier,
        base_url=runtime.settings.fhir_base,
        address=runtime.address,
        peers=_peers(runtime),
        clock=runtime.real_clock,
        check_references=runtime.settings.check_references,
        body_bytes_max=runtime.settings.body_max_mb * 2**20,
        page_key=runtime.settings.sealing_key(runtime.name, "search pages"),
    )
    runtime.tells()
    await runtime.reacts(declaration.reactions)
    served = Starlette(routes=[Route("/events", FeedRoute(runtime.own_database, verifier).shown), Mount("/", app)])
    runtime.notes_accesses(served, through=frozenset({"gateway"}))
    return served


def _peers(runtime: Runtime) -> Peers:
    """The other core services, asked with this service's own token."""
    from bedside.fhir.existence.peers import HttpPeers

    others: tuple[ServiceName, ...] = ("patients", "encounters")
    addresses = [runtime.settings.address(other) for other in others if other != runtime.name]
    return HttpPeers(runtime.http, [(address, partial(runtime.login.token, address)) for address in addresses])
