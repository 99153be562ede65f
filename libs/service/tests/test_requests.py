"""What every request gets, whichever service answers it."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from bedside.service.clock import ViewClock
from bedside.service.metrics import Measures
from bedside.service.requests import Requests

SECRET = "Margaret Oyelaran"
MEASURES = Measures("patients")


async def now(request: Request) -> Response:
    return PlainTextResponse(ViewClock(datetime(2026, 6, 15, tzinfo=UTC)).now().isoformat())


async def broken(request: Request) -> Response:
    raise ValueError(f"no such patient: {SECRET}")


async def own_500(request: Request) -> Response:
    return PlainTextResponse("meant so", status_code=500)


async def read(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def cut_short(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"half"
        raise ValueError(SECRET)

    return StreamingResponse(parts())


def client(*, test_mode: bool = False) -> httpx.AsyncClient:
    app = Starlette(
        routes=[
            Route("/now", now),
            Route("/fhir/Patient/{id}", broken),
            Route("/v1/chart/{id}", broken),
            Route("/own", own_500),
            Route("/read", read, methods=["POST"]),
            Route("/cut", cut_short),
        ]
    )
    cared_for = Requests(app, measures=MEASURES, body_max_bytes=2**20, test_mode=test_mode)
    transport = httpx.ASGITransport(cared_for, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service")


async def test_a_request_id_is_given_or_taken_over() -> None:
    given = await client().get("/now")
    taken_over = await client().get("/now", headers={"X-Request-Id": "abc-1"})
    dangerous = await client().get("/now", headers=[(b"X-Request-Id", b"a b\xe9")])

    assert len(given.headers["x-request-id"]) == 16
    assert taken_over.headers["x-request-id"] == "abc-1"
    assert dangerous.headers["x-request-id"] not in ("", "a b\xe9")


async def test_now_can_be_asked_for_in_test_mode_alone() -> None:
    asked = {"X-Test-Now": "2026-01-02T03:04:05+02:00"}

    moved = await client(test_mode=True).get("/now", headers=asked)
    after = await client(test_mode=True).get("/now")
    refused = await client().get("/now", headers=asked)

    assert moved.text == "2026-01-02T01:04:05+00:00"
    assert after.text == "2026-06-15T00:00:00+00:00"
    assert refused.status_code == 400


@pytest.mark.parametrize("asked", ["yesterday", "2026-01-02", "2026-01-02T03:04:05", "", "\xff"])
async def test_a_now_that_is_no_instant_is_refused(asked: str) -> None:
    refused = await client(test_mode=True).get("/now", headers=[(b"X-Test-Now", asked.encode("latin-1"))])

    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "media"),
    [("/fhir/Patient/p1", "application/fhir+json; charset=utf-8"), ("/v1/chart/p1", "application/problem+json")],
)
async def test_a_mistake_of_ours_is_a_plain_500(path: str, media: str, capsys: pytest.CaptureFixture[str]) -> None:
    with structlog.testing.capture_logs() as logged:
        answer = await client().get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (500, media)
    assert SECRET not in answer.text
    assert SECRET not in json.dumps(logged)
    assert logged[0]["error"] == "ValueError"
    assert any("broken" in frame for frame in logged[0]["frames"])


async def test_a_500_that_a_service_meant_goes_out_as_it_is() -> None:
    answer = await client().get("/own")

    assert (answer.status_code, answer.text) == (500, "meant so")


async def test_the_log_tells_the_route_and_never_the_path() -> None:
    with structlog.testing.capture_logs() as logged:
        await client().get(f"/fhir/Patient/{SECRET}?name={SECRET}")
        await client().get(f"/nowhere/{SECRET}")

    told = [line for line in logged if line["event"] == "request"]
    assert [(line["route"], line["status"]) for line in told] == [("/fhir/Patient/{id}", 500), ("unmatched", 404)]
    assert SECRET not in json.dumps(logged)


@pytest.mark.parametrize("path", ["/read", "/fhir/Patient/p1"])
async def test_a_body_that_says_it_is_too_large_is_refused_unread(path: str) -> None:
    answer = await client().post(path, content=b"x" * (2**20 + 1))

    assert answer.status_code == 413
    assert "1 MB" in answer.text


async def test_a_body_that_grows_too_large_is_refused() -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 2**16

    answer = await client().post("/read", content=parts())

    assert answer.status_code == 413


async def test_a_body_of_the_allowed_size_is_read() -> None:
    answer = await client().post("/read", content=b"x" * 2**20)

    assert answer.text == str(2**20)


async def test_metrics_count_requests_by_route_and_unknown_methods_together() -> None:
    measures = Measures("gateway")
    for method in ("GET", "BREW", "STEEP"):
        measures.request(method=method, route="/now", status=200, seconds=0.01)

    shown = (await measures.shown(_request())).body.decode()

    assert 'bedside_requests_total{method="GET",route="/now",status="200"} 1.0' in shown
    assert 'bedside_requests_total{method="other",route="/now",status="200"} 2.0' in shown
    assert 'bedside_up{service="gateway"} 1.0' in shown


def _request() -> Request:
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/metrics", "headers": []}
    return Request(scope)
