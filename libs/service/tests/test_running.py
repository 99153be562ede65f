"""Several services in one process, from start to end."""

import asyncio
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bedside.identity.access import PUBLIC, access
from bedside.service import Runtime, ServiceName, Settings
from bedside.service.running import CannotStart, Program, Stopped, run


def settings(tmp_path: Path) -> Settings:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = min(probe.getsockname()[1], 65_000)
    return Settings(port=port, data_dir=tmp_path)


@access(PUBLIC)
async def slow(request: Request) -> Response:
    await asyncio.sleep(0.4)
    return PlainTextResponse("done")


async def build(runtime: Runtime) -> ASGIApp:
    return Starlette(routes=[Route("/slow", slow)])


async def test_a_request_under_way_is_answered_before_the_end(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    asked: list[asyncio.Task[httpx.Response]] = []

    async def once_ready(runtimes: Mapping[ServiceName, Runtime]) -> None:
        http = runtimes["gateway"].http
        assert (await http.get(f"{chosen.address('gateway')}/health/live")).status_code == 200
        client = httpx.AsyncClient()
        asked.append(asyncio.create_task(client.get(f"{chosen.address('gateway')}/slow")))
        await asyncio.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)

    async with asyncio.timeout(20):
        await run([Program("gateway", build)], chosen, once_ready=once_ready)

    assert (await asked[0]).text == "done"
    with pytest.raises(httpx.ConnectError):
        await httpx.AsyncClient().get(f"{chosen.address('gateway')}/health/live")


async def test_a_background_task_that_ends_takes_the_process_with_it(tmp_path: Path) -> None:
    async def with_task(runtime: Runtime) -> ASGIApp:
        async def ends() -> None:
            await asyncio.sleep(0.05)

        runtime.in_background("relay", ends)
        return await build(runtime)

    with pytest.raises(Stopped, match="gateway relay ended unexpectedly"):
        async with asyncio.timeout(20):
            await run([Program("gateway", with_task)], settings(tmp_path))


async def test_a_port_in_use_is_said_plainly(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    with socket.create_server(("127.0.0.1", chosen.port)), pytest.raises(CannotStart, match=f"port {chosen.port} "):
        await run([Program("gateway", build)], chosen)
