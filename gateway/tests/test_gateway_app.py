"""The gateway's app as a whole: closed where no route opens it, and able to start before its owners."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from bedside.events import InProcessTransport
from bedside.gateway.app import build
from bedside.identity import ServiceLogin
from bedside.identity.testing import TestIssuer
from bedside.service import RealClock, Runtime, Settings
from bedside.service.metrics import Measures

PUBLIC = {"/fhir/metadata", "/fhir/.well-known/smart-configuration"}


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Starlette]:
    # A port on which nobody listens: the owners are down.
    settings = Settings(port=9, data_dir=tmp_path)
    issuer = TestIssuer(settings.issuer)
    async with httpx.AsyncClient() as http:
        runtime = Runtime(
            settings=settings,
            name="gateway",
            database=None,
            transport=InProcessTransport(),
            keys=issuer.keys,
            denylist=issuer.denylist,
            login=ServiceLogin(f"{settings.address('auth')}/token", "gateway", "secret", http=http),
            http=http,
            clock=RealClock(),
            measures=Measures("gateway"),
        )
        built = await build(runtime)
        assert isinstance(built, Starlette)
        async with built.router.lifespan_context(built):
            yield built


def asking(app: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:9")


async def test_every_path_of_the_fhir_base_but_the_public_two_wants_a_token(app: Starlette) -> None:
    paths = {route.path for route in app.routes if isinstance(route, Route) and route.path.startswith("/fhir")}
    assert paths > PUBLIC
    async with asking(app) as http:
        for path in paths - PUBLIC:
            concrete = path.replace("{type_name}", "Patient").replace("{rest:path}", "p1")
            for method in ("GET", "POST", "PUT", "DELETE"):
                answer = await http.request(method, concrete)
                assert answer.status_code == 401, (method, path)


async def test_what_is_not_there_is_a_problem_outside_the_fhir_base(app: Starlette) -> None:
    async with asking(app) as http:
        answer = await http.get("/nowhere")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_it_starts_before_its_owners_and_says_so(app: Starlette) -> None:
    async with asking(app) as http:
        assert (await http.get("/fhir/metadata")).status_code == 503
        assert (await http.get("/fhir/.well-known/smart-configuration")).status_code == 200
