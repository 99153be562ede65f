"""A declared service, served to a test without a socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from bedside.events.database import Database
from bedside.fhir.app import fhir_app
from bedside.fhir.declaration import Service
from bedside.fhir.existence.peers import Peers
from bedside.identity.testing import TestIssuer

BASE = "http://127.0.0.1:8000/fhir"
ADDRESS = "http://127.0.0.1:8001"


@dataclass(frozen=True)
class Served:
    """`http` is signed in with every right; `as_caller` makes clients with fewer."""

    http: httpx.AsyncClient
    issuer: TestIssuer
    database: Database
    app: Any

    def as_caller(self, scope: str, **claims: Any) -> dict[str, str]:
        """The header of a caller with these scopes."""
        return {"authorization": f"Bearer {self.issuer.token(scope, audience=ADDRESS, **claims)}"}

    async def bundle(self, type_code: str, *entries: dict[str, Any], **headers: str) -> httpx.Response:
        """Posts a Bundle."""
        body = {"resourceType": "Bundle", "type": type_code, "entry": list(entries)}
        return await self.http.post("/fhir", json=body, headers={"content-type": "application/fhir+json", **headers})

    async def told(self) -> list[tuple[str, str]]:
        """(routing key, subject) of every fact in the outbox."""
        return [(row[0], row[1]) for row in await self.database.fetch("SELECT type, subject FROM outbox ORDER BY seq")]


@asynccontextmanager
async def served(
    service: Service, database: Database, *, peers: Peers | None = None, **options: Any
) -> AsyncIterator[Served]:
    """`options` are those of `fhir_app`."""
    issuer = TestIssuer()
    app = fhir_app(
        service,
        database=database,
        verifier=issuer.verifier(ADDRESS),
        base_url=BASE,
        address=ADDRESS,
        peers=peers,
        **options,
    )
    headers = {
        "authorization": f"Bearer {issuer.token('system/*.cruds existence.read', audience=ADDRESS)}",
        "content-type": "application/fhir+json",
    }
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=ADDRESS, headers=headers, timeout=60
    ) as http:
        yield Served(http, issuer, database, app)
