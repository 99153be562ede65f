"""`bedside up`: the whole platform in one process."""

import asyncio
from collections.abc import Mapping

import httpx

from bedside.cli.demo.file import write_demo
from bedside.cli.demo.patients import DemoPatients
from bedside.cli.load import integrator_token
from bedside.cli.migrate import migrate_all
from bedside.cli.programs import START_ORDER, program, queues
from bedside.cli.topology import declare
from bedside.service.clock import ViewClock
from bedside.service.logs import configure_logs
from bedside.service.running import run
from bedside.service.runtime import Runtime
from bedside.service.settings import ServiceName, Settings

_READY_TIMEOUT_S = 30


async def up(settings: Settings) -> None:
    """Prints `ready URL` once everything answers and, with BEDSIDE_DEMO=1, once the demo can be signed in to."""
    configure_logs(settings.log_level)
    migrate_all(settings)
    if settings.broker_url is not None:
        await declare(settings)

    async def once_ready(runtimes: Mapping[ServiceName, Runtime]) -> None:
        await _all_ready(settings, runtimes["gateway"].http)
        if not settings.demo:
            print(f"ready {settings.address('gateway')}", flush=True)
            return
        patients = await _demo(settings, runtimes["auth"])
        await patients.load_examples()
        print(f"ready {settings.address('gateway')}", flush=True)
        print(_WHAT_NEXT.format(gateway=settings.address("gateway"), data=settings.data_dir), flush=True)
        await patients.load_generated()
        print("the generated patients are here", flush=True)

    await run([program(name) for name in START_ORDER], settings, queues=queues(), once_ready=once_ready)


async def _all_ready(settings: Settings, http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(_READY_TIMEOUT_S):
        for name in START_ORDER:
            while (await http.get(f"{settings.address(name)}/health/ready")).status_code != 200:  # noqa: ASYNC110 - another server
                await asyncio.sleep(0.05)


async def _demo(settings: Settings, auth: Runtime) -> DemoPatients:
    from bedside.auth.demo import ensure

    demo = write_demo(settings, await ensure(auth))
    return DemoPatients(
        settings.data_dir,
        now=ViewClock(settings.clock_utc).now(),
        zone=settings.zone,
        base=demo["fhir"],
        token=integrator_token(demo),
    )


_WHAT_NEXT = """
  open {gateway} and sign in as physician, nurse or frontdesk; the passwords are in {data}/demo.json
  bedside token physician            prints an access token
  bedside load FOLDER                loads FHIR bundles; generated patients are arriving meanwhile
  Ctrl-C stops everything
"""
