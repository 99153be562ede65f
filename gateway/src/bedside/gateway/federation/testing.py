"""A gateway for tests, in front of stand-ins or of real services, without a network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from bedside.gateway.federation.federated_base import FederatedBase
from bedside.gateway.federation.wire import InProcessWire
from bedside.gateway.ownership import ENCOUNTERS, PATIENTS, PROMISED
from bedside.identity import LoginRefused
from bedside.identity.testing import TestIssuer

PUBLIC = "http://127.0.0.1:8000/fhir"
ADDRESSES = {PATIENTS: "http://127.0.0.1:8001", ENCOUNTERS: "http://127.0.0.1:8002"}


@dataclass(frozen=True)
class Asked:
    """One request as an owner saw it. `path` is below its FHIR base, with the query."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


Reply = tuple[int, Mapping[str, str], Any]


@dataclass
class StandIn:
    """An owner that answers what it is told to, and remembers what it was asked."""

    service: str
    answer: Callable[[Asked], Reply] | None = None
    asked: list[Asked] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        query = scope["query_string"].decode()
        path = scope["raw_path"].decode().removeprefix("/fhir").removeprefix("/") + (f"?{query}" if query else "")
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        asked = Asked(scope["method"], path, headers, body)
        status, told, content = self._reply(asked)
        raw = content if isinstance(content, bytes) else orjson.dumps(content)
        sent = {"content-type": "application/fhir+json", **told, "content-length": str(len(raw))}
        encoded = [(name.encode(), value.encode()) for name, value in sent.items()]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": raw})

    def _reply(self, asked: Asked) -> Reply:
        if asked.path == "health/live":
            return 200, {}, {}
        if asked.path == "metadata":
            resource = [{"type": name} for name in sorted(PROMISED[self.service])]
            rest = {"mode": "server", "resource": resource, "interaction": [{"code": "transaction"}]}
            return 200, {}, {"resourceType": "CapabilityStatement", "status": "active", "rest": [rest]}
        if asked.path == "internal/matching" and asked.json() == {"searches": []}:
            return 200, {}, {"found": [], "snapshot": 1}
        if asked.path == "internal/mentions":
            return 200, {}, {"mentions": {}, "complete": True}
        self.asked.append(asked)
        if self.answer is not None:
            return self.answer(asked)
        return (200, {}, carried_out(asked.json())) if asked.path == "" else (200, {}, {"resourceType": "Basic"})


def carried_out(bundle: dict[str, Any]) -> dict[str, Any]:
    """Every entry of a bundle succeeds."""
    kind = bundle["type"]
    return {"resourceType": "Bundle", "type": f"{kind}-response", "entry": [_done(each) for each in bundle["entry"]]}


def _done(entry: dict[str, Any]) -> dict[str, Any]:
    request = entry["request"]
    if request["method"] in ("GET", "DELETE"):
        return {"response": {"status": "200 OK" if request["method"] == "GET" else "204 No Content"}}
    target = request["url"] if request["method"] == "PUT" else f"{request['url']}/made-by-owner"
    location = f"{PUBLIC}/{target}/_history/1"
    return {"response": {"status": "201 Created", "location": location, "etag": 'W/"1"'}}


class StandInAuth:
    """Exchanges by minting, for the same rights; remembers which tokens it was given."""

    def __init__(self, issuer: TestIssuer) -> None:
        self._issuer = issuer
        self.given: list[tuple[str, str]] = []
        self.refuses: LoginRefused | None = None

    async def exchange(self, bearer: str, audience: str) -> str:
        self.given.append((bearer, audience))
        if self.refuses is not None:
            raise self.refuses
        claims = self._issuer.claims(bearer)
        kept = {name: claims[name] for name in ("roles", "patient", "sub", "client_id") if name in claims}
        return self._issuer.token(claims["scope"], audience=audience, **kept)

    async def own_token(self, audience: str) -> str:
        return self._issuer.token("system/*.cruds existence.read", audience=audience, subject="gateway")


class GatewayInFront:
    """`http` is a client without a token; `ask` sends one with `scope`."""

    def __init__(self, patients: ASGIApp, encounters: ASGIApp, issuer: TestIssuer | None = None) -> None:
        self.issuer = issuer or TestIssuer()
        self.auth = StandInAuth(self.issuer)
        self.wire = InProcessWire({ADDRESSES[PATIENTS]: patients, ADDRESSES[ENCOUNTERS]: encounters})
        self.base = FederatedBase(
            public_base=PUBLIC,
            addresses=ADDRESSES,
            issuer=self.issuer.issuer,
            verifier=self.issuer.verifier(PUBLIC),
            wire=self.wire,
            exchange=self.auth,
            own_token=self.auth.own_token,
            page_key=bytes(32),
        )
        transport = httpx.ASGITransport(Starlette(routes=self.base.routes()))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")

    def silence(self, service: str) -> None:
        del self.wire.apps[ADDRESSES[service]]

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        scope: str = "system/*.cruds",
        headers: Mapping[str, str] | None = None,
        **claims: Any,
    ) -> httpx.Response:
        """`path` is below `/fhir`; `claims` are the token's."""
        content = body if isinstance(body, bytes | None) else orjson.dumps(body)
        sent = {"authorization": f"Bearer {self.issuer.token(scope, **claims)}", **(headers or {})}
        if content is not None:
            sent.setdefault("content-type", "application/fhir+json")
        return await self.http.request(method, f"/fhir{path}", content=content, headers=sent)
