"""Around the app of a service: its health, its metrics and the care of every request."""

from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bedside.identity.access import check_declared
from bedside.service.health import Health
from bedside.service.requests import Requests
from bedside.service.runtime import Runtime


def assembled(app: ASGIApp, runtime: Runtime) -> ASGIApp:
    """What uvicorn serves. AssertionError when a route does not say who may call it."""
    measures = runtime.measures
    health = Health(runtime.name, runtime.checks)
    shell = Starlette(
        routes=[
            Route("/health/live", health.live),
            Route("/health/ready", health.ready),
            Route("/metrics", measures.shown),
        ]
    )
    # Straight to the app for all but three paths: a second router costs every request its matching.
    served = Requests(
        _Fork({"/health/live", "/health/ready", "/metrics"}, shell, app),
        measures=measures,
        body_max_bytes=runtime.settings.body_max_mb * 2**20,
        test_mode=runtime.settings.test_mode,
    )
    check_declared(served)
    return served


class _Fork:
    def __init__(self, paths: set[str], inside: Starlette, outside: ASGIApp) -> None:
        self._paths, self._inside, self._outside = paths, inside, outside
        self.routes = [*inside.routes, Mount("", outside)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        chosen = self._inside if scope["type"] == "http" and scope["path"] in self._paths else self._outside
        await chosen(scope, receive, send)
