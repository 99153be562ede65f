"""The encounters service as an ASGI app."""

from starlette.types import ASGIApp

from bedside.encounters.service import service
from bedside.service import Runtime, core_service


async def build(runtime: Runtime) -> ASGIApp:
    """The app for `runtime`."""
    return await core_service(service, runtime)
