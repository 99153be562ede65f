"""AuditEvent at the base: the access log, which auth keeps. What may be seen of it, and by whom, auth says."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bedside.fhir.outcome import Issue
from bedside.gateway.federation.door import Door, NotAdmitted, exchange_refused
from bedside.gateway.federation.forwarding import below_base, handed_on, to_owner, whole_body
from bedside.gateway.federation.refusals import outcome, refusal
from bedside.gateway.owners import Owners, Unreachable
from bedside.gateway.ownership import AUTH
from bedside.identity import LoginRefused
from bedside.identity.access import token_with

TYPE = "AuditEvent"


class AccessLog:
    def __init__(self, owners: Owners, door: Door) -> None:
        self._owners = owners
        self._door = door

    def routes(self, prefix: str, wrapped: Callable[[ASGIApp], ASGIApp]) -> list[Route]:
        """It is read and searched, and nothing else: it is written by what happens."""
        at = {f"{TYPE}/_search": "POST", f"{TYPE}/{{id:fhir_id}}": "GET", TYPE: "GET"}
        return [
            Route(f"{prefix}/{path}", wrapped(_Asked(self._owners, self._door, method))) for path, method in at.items()
        ]


class _Asked:
    access = token_with(f"user/{TYPE}.rs")

    def __init__(self, owners: Owners, door: Door, method: str) -> None:
        self._owners = owners
        self._door = door
        self.methods = (method,)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            bearer, _ = await self._door.caller(scope)
            if scope["method"] not in (*self.methods, "HEAD"):
                issue = Issue("not-supported", "The access log is read and searched only.")
                raise NotAdmitted(outcome(405, [issue], {"Allow": ", ".join(self.methods)}))
            await self._handed_on(scope, receive, send, bearer)
        except NotAdmitted as refused:
            await refused.response(scope, receive, send)
        except LoginRefused as problem:
            await exchange_refused(problem)(scope, receive, send)
        except Unreachable as problem:
            await refusal(problem)(scope, receive, send)

    async def _handed_on(self, scope: Scope, receive: Receive, send: Send, bearer: str) -> None:
        body = await whole_body(Request(scope, receive).receive) if scope["method"] == "POST" else b""
        query = scope["query_string"].decode("latin-1")
        below = below_base(scope) + (f"?{query}" if query else "")
        # Auth answers no HEAD of its own; who asks so gets the headers, and the server leaves the body out.
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        await handed_on(await self._owners.open(AUTH, method, below, to_owner(scope), body, bearer), send)
