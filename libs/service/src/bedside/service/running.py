"""Runs services until they are told to stop: several servers may share one process."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp

from bedside.events import Queue, open_transport
from bedside.service.assembling import assembled
from bedside.service.frames import frames
from bedside.service.opening import opened
from bedside.service.runtime import Runtime, Task
from bedside.service.settings import ServiceName, Settings

_GRACE_S = 5
_START_TIMEOUT_S = 60
# Who is not ready by then serves all the same: its health says what is missing.
_PREPARING_S = 3.0
log = structlog.get_logger("bedside.running")


@dataclass(frozen=True)
class Program:
    """A service by name, and what makes its app (`bedside.<name>.app.build`)."""

    name: ServiceName
    build: Callable[[Runtime], Awaitable[ASGIApp]]


class CannotStart(Exception):
    """The sentence is for the operator."""


class Stopped(Exception):
    """A task that serves everyone ended: the process must not go on without it."""


async def run(
    programs: Sequence[Program],
    settings: Settings,
    *,
    queues: Sequence[Queue] = (),
    once_ready: Callable[[dict[ServiceName, Runtime]], Awaitable[None]] | None = None,
) -> None:
    """Starts the programs one after the other, so that what comes first may be asked by what follows.

    Ends cleanly on SIGTERM and SIGINT: no new connections, five seconds for the requests under way, then the tasks,
    then the databases. `queues` are those of all services that share the process without a broker. Raises Stopped when
    a background task ends by itself, CannotStart when a port is taken.
    """
    stop = asyncio.Event()
    tasks: dict[str, asyncio.Task[None]] = {}
    with _signals_set(stop):
        async with AsyncExitStack() as stack:
            transport = open_transport(settings.broker_url)
            stack.push_async_callback(transport.close)
            if settings.broker_url is None:
                # Before the first relay runs: what nobody waits for yet would be lost until the next sweep.
                await transport.declare(queues)
            runtimes: dict[ServiceName, Runtime] = {}
            for program in programs:
                runtime = await stack.enter_async_context(opened(program.name, settings, transport))
                runtimes[program.name] = runtime
                app = assembled(await program.build(runtime), runtime)
                await stack.enter_async_context(_tasks_running(runtime, tasks))
                await _prepared(runtime)
                await stack.enter_async_context(_served(app, settings.host, settings.port_of(program.name), stop))
                log.info("serving", service=program.name, port=settings.port_of(program.name))
                if stop.is_set():
                    return
            # Everything made so far stays: the collector need not walk it again and again.
            gc.collect()
            gc.freeze()
            once = partial(once_ready, runtimes) if once_ready is not None else None
            await _until(stop, tasks, once)


async def _prepared(runtime: Runtime) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_PREPARING_S):
            for waited in runtime.before_serving:
                await waited()


async def _until(stop: asyncio.Event, tasks: dict[str, asyncio.Task[None]], once: Task | None) -> None:
    """Waits for the signal. `once` may end, with success; the tasks may not."""
    async with AsyncExitStack() as stack:
        stopping = await stack.enter_async_context(_cancelled_at_end(_signalled(stop)))
        watched = {task: name for name, task in tasks.items()}
        waiting = {stopping, *watched}
        if once is not None:
            waiting.add(await stack.enter_async_context(_cancelled_at_end(_awaited(once))))
        while not stop.is_set():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task in watched:
                    raise _stopped(watched[task], task)
                task.result()


def _stopped(name: str, task: asyncio.Task[None]) -> Stopped:
    error = None if task.cancelled() else task.exception()
    log.error("task ended", task=name, error=type(error).__name__, frames=frames(error) if error else [])
    stopped = Stopped(f"{name} ended unexpectedly")
    stopped.__cause__ = error
    return stopped


async def _signalled(stop: asyncio.Event) -> None:
    await stop.wait()


@asynccontextmanager
async def _cancelled_at_end(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _tasks_running(runtime: Runtime, tasks: dict[str, asyncio.Task[None]]) -> AsyncIterator[None]:
    started = {f"{runtime.name} {name}": asyncio.create_task(_awaited(task)) for name, task in runtime.tasks.items()}
    tasks |= started
    try:
        yield
    finally:
        for task in started.values():
            task.cancel()
        await asyncio.gather(*started.values(), return_exceptions=True)


async def _awaited(task: Task) -> None:
    await task()


@asynccontextmanager
async def _served(app: ASGIApp, host: str, port: int, stop: asyncio.Event) -> AsyncIterator[None]:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=65,
    )
    server = _Server(config)
    listening = _listening(host, port)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with asyncio.timeout(_START_TIMEOUT_S):
            while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event to wait for
                await asyncio.sleep(0.005)
        if serving.done():
            raise CannotStart(f"the server on port {port} did not start") from serving.exception()
        yield
    finally:
        server.should_exit = True
        await serving
        listening.close()


class _Server(uvicorn.Server):
    """Signals belong to the process, not to each of its servers."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise CannotStart(f"port {port} cannot be opened ({error.strerror}); set BEDSIDE_PORT to another") from error


@contextmanager
def _signals_set(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    handled = (signal.SIGTERM, signal.SIGINT)
    for number in handled:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


def new_event_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()
