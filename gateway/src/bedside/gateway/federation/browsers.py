"""SMART apps run in browsers, at addresses of their own: a bearer token and never a cookie says who they are."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send


class OpenToBrowsers:
    """Any origin may ask. Requests that come from no browser do not pay for it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.access, self.methods = getattr(app, "access", None), getattr(app, "methods", None)
        self._cors = CORSMiddleware(
            app,
            allow_origins=["*"],
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["*"],
            expose_headers=[
                "ETag",
                "Location",
                "Content-Location",
                "Last-Modified",
                "X-Request-Id",
                "X-Progress",
                "Retry-After",
                "Expires",
            ],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from_browser = any(name == b"origin" for name, _ in scope["headers"])
        await (self._cors if from_browser else self._app)(scope, receive, send)
