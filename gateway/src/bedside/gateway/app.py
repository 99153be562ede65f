"""The gateway's app: the FHIR base, the views and the workbench behind one address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from bedside.gateway.federation.base import FederatedBase
from bedside.gateway.federation.wire import NetworkWire
from bedside.gateway.ownership import ENCOUNTERS, PATIENTS
from bedside.gateway.problems import told
from bedside.identity import Exchange
from bedside.service import Runtime


async def build(runtime: Runtime) -> ASGIApp:
    settings = runtime.settings
    base = FederatedBase(
        public_base=settings.fhir_base,
        addresses={PATIENTS: settings.address("patients"), ENCOUNTERS: settings.address("encounters")},
        issuer=settings.issuer,
        verifier=runtime.verifier({settings.fhir_base}),
        wire=NetworkWire(),
        exchange=Exchange(runtime.login),
        own_token=runtime.login.token,
    )
    runtime.in_background("capabilities", base.capabilities.keep_fresh)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await base.owners.close()

    # What no route declares is refused: there is no fallback that serves.
    return Starlette(routes=base.routes(), exception_handlers={HTTPException: told}, lifespan=lifespan)
