"""For tests: the gateway over two real owners, and beside it one server that owns everything.

What the one answers to a request is what the other has to.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
from starlette.types import ASGIApp

from bedside.events.database import Database, Dialect
from bedside.fhir.app import fhir_app
from bedside.fhir.declaration import Owned, Service
from bedside.fhir.existence.peers import HttpPeers, Peers
from bedside.fhir.store.testing import fresh_database
from bedside.gateway.federation.testing import ADDRESSES, PUBLIC, GatewayInFront
from bedside.gateway.ownership import ENCOUNTERS, PATIENTS, PROMISED
from bedside.identity.testing import TestIssuer

_ONE = "http://127.0.0.1:8009"
EVERY_RIGHT = "system/*.cruds"
_FHIR_JSON = "application/fhir+json"


@dataclass(frozen=True)
class SideBySide:
    """`apps` are the owners' by name."""

    gateway: GatewayInFront
    apps: Mapping[str, ASGIApp]
    one: httpx.AsyncClient
    issuer: TestIssuer

    async def ask(self, method: str, path: str, body: Any = None, **asked: Any) -> httpx.Response:
        """The gateway's answer. `asked`: `scope`, `headers`, and claims of the token."""
        return await self.gateway.ask(method, path, body, **asked)

    async def ask_one(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        scope: str = EVERY_RIGHT,
        headers: Mapping[str, str] | None = None,
        **claims: Any,
    ) -> httpx.Response:
        """The single server's answer."""
        content = body if isinstance(body, bytes | None) else orjson.dumps(body)
        token = self.issuer.token(scope, audience=_ONE, **claims)
        sent = {"authorization": f"Bearer {token}", "content-type": _FHIR_JSON, **(headers or {})}
        return await self.one.request(method, f"/fhir{path}", content=content, headers=sent)

    def service(self, name: str) -> httpx.AsyncClient:
        """One owner, asked directly by another service."""
        address = ADDRESSES[name]
        headers = {"authorization": f"Bearer {self.issuer.token('existence.read', audience=address)}"}
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.apps[name]), base_url=address, headers=headers)

    async def put(self, *resources: dict[str, Any]) -> None:
        """On both sides, in this order."""
        for resource in resources:
            path = f"/{resource['resourceType']}/{resource['id']}"
            for answer in (await self.ask("PUT", path, resource), await self.ask_one("PUT", path, resource)):
                assert answer.status_code in (200, 201), answer.text


@asynccontextmanager
async def side_by_side(dialect: Dialect, folder: Path, **options: Any) -> AsyncIterator[SideBySide]:
    """Three databases of their own. `options` are those of `fhir_app`."""
    async with AsyncExitStack() as stack:
        databases: dict[str, Database] = {}
        for name in (PATIENTS, ENCOUNTERS, "one"):
            (folder / name).mkdir()
            databases[name] = await stack.enter_async_context(fresh_database(dialect, folder / name))
        issuer = TestIssuer()
        network = _Network()
        asking = await stack.enter_async_context(httpx.AsyncClient(transport=network))
        for name, other in ((PATIENTS, ENCOUNTERS), (ENCOUNTERS, PATIENTS)):
            peers = HttpPeers(asking, [(ADDRESSES[other], _token(issuer, ADDRESSES[other]))])
            app = _app(name, PROMISED[name], databases[name], issuer, ADDRESSES[name], peers=peers, **options)
            network.apps[ADDRESSES[name]] = app
        alone = _app("one", frozenset().union(*PROMISED.values()), databases["one"], issuer, _ONE, **options)
        apps = {name: network.apps[ADDRESSES[name]] for name in (PATIENTS, ENCOUNTERS)}
        gateway = GatewayInFront(apps[PATIENTS], apps[ENCOUNTERS], issuer)
        transport = httpx.ASGITransport(alone)
        one = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url=_ONE, timeout=60))
        await stack.enter_async_context(gateway.http)
        yield SideBySide(gateway, apps, one, issuer)


def _app(
    name: str,
    types: frozenset[str],
    database: Database,
    issuer: TestIssuer,
    address: str,
    *,
    peers: Peers | None = None,
    **options: Any,
) -> ASGIApp:
    service = Service(name, tuple(Owned(type_name) for type_name in sorted(types)))
    verifier = issuer.verifier(address)
    return fhir_app(
        service, database=database, verifier=verifier, base_url=PUBLIC, address=address, peers=peers, **options
    )


def _token(issuer: TestIssuer, audience: str) -> Any:
    async def token() -> str:
        return issuer.token("existence.read", audience=audience)

    return token


class _Network(httpx.AsyncBaseTransport):
    """Requests between owners, by address."""

    def __init__(self) -> None:
        self.apps: dict[str, ASGIApp] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        address = f"{request.url.scheme}://{request.url.host}:{request.url.port}"
        return await httpx.ASGITransport(self.apps[address]).handle_async_request(request)
