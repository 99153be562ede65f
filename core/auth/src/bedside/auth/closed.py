"""What a browser may do with an answer of auth: nothing, unless that answer says so itself.

https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bedside.auth.answers import NO_STORE

NOTHING_ELSE = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
CLOSED = NO_STORE | {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Addresses of ours hold handles and, in a link from an administrator, a secret.
    "Referrer-Policy": "no-referrer",
}
_DEFAULTS = tuple(
    CLOSED.items() - {("Pragma", "no-cache")} | {("Content-Security-Policy", f"{NOTHING_ELSE}; form-action 'none'")}
)
_HTTPS_ONLY = ("Strict-Transport-Security", "max-age=31536000")


class Closed:
    """Pure ASGI. A page that somebody forgot to close is closed all the same, and so is every refusal."""

    def __init__(self, app: ASGIApp, *, encrypted: bool) -> None:
        self.app = app
        self._defaults = (*_DEFAULTS, _HTTPS_ONLY) if encrypted else _DEFAULTS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def closed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._defaults:
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, closed if scope["type"] == "http" else send)
