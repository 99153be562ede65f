"""Ready means that everything a service needs answers."""

import asyncio

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from bedside.service.health import Health
from bedside.service.runtime import Check


async def ready(**checks: Check) -> tuple[int, dict[str, str]]:
    health = Health("patients", checks)
    transport = httpx.ASGITransport(Starlette(routes=[Route("/health/ready", health.ready)]))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        answer = await client.get("/health/ready")
    return answer.status_code, answer.json()["checks"]


async def answers() -> None:
    return None


async def refuses() -> None:
    raise ConnectionRefusedError("password=secret")


async def hangs() -> None:
    await asyncio.sleep(60)


async def test_a_service_is_ready_when_all_checks_answer() -> None:
    assert await ready(database=answers, events=answers) == (200, {"database": "ok", "events": "ok"})


async def test_a_failed_check_is_named_by_its_kind_and_not_by_its_message() -> None:
    assert await ready(database=refuses, events=answers) == (
        503,
        {"database": "ConnectionRefusedError", "events": "ok"},
    )


async def test_a_check_that_hangs_is_not_waited_for() -> None:
    async with asyncio.timeout(3):
        assert await ready(database=hangs) == (503, {"database": "no answer within 2 s"})
