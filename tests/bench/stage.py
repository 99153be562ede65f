"""What the benchmarks over HTTP stand on: each service as a process, on a PostgreSQL with resources in it."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bedside.encounters.service import service as encounters
from bedside.events.database import open_database
from bedside.patients.service import service as patients
from tests.bench.filling import fill
from tests.separate import Services, separate_services
from tests.system.access import Access

_DATABASES = ("patients", "encounters", "auth")


@dataclass(frozen=True)
class Stage:
    """`url` is that of the databases without their last part, `_patients` and so on."""

    url: str
    services: Services
    access: Access

    def pids(self, *names: str) -> tuple[int, ...]:
        return tuple(self.services.running[name].pid for name in names)

    def owner(self, name: str) -> str:
        """Its FHIR base, reached directly."""
        return f"{self.services.demo[name]}/fhir"

    def headers(self, owner: str | None = None) -> dict[str, str]:
        """For the gateway, or for an owner directly."""
        token = self.access.client_token(resource=self.services.demo[owner]) if owner else self.access.client_token()
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}


@contextmanager
def stage(server: str, *, around_patients: int = 0) -> Iterator[Stage]:
    """`server` is a PostgreSQL; the databases made there are dropped at the end."""
    url = f"{server.rsplit('/', 1)[0]}/bench{os.getpid()}"
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            separate_services(Path(folder), {"BEDSIDE_DATABASE_URL": url}) as services,
        ):
            asyncio.run(_filled(url, around_patients))
            yield Stage(url, services, Access(services.demo))
    finally:
        asyncio.run(_dropped(server, url.rpartition("/")[2]))


async def _filled(url: str, count: int) -> None:
    for service in (patients, encounters) if count else ():
        database = await open_database(f"{url}_{service.name}")
        await fill(database, first=0, last=count, service=service)
        await database.close()


async def _dropped(server: str, name: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(server)
    for database in _DATABASES:
        await connection.execute(f"DROP DATABASE IF EXISTS {name}_{database} WITH (FORCE)")
    await connection.close()


@contextmanager
def process(*command: str | Path, environment: dict[str, str]) -> Iterator[int]:
    """Its number, while it runs."""
    started = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    try:
        yield started.pid
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(20)


@contextmanager
def asgi(app: str, *, port: int, environment: dict[str, str]) -> Iterator[int]:
    """An app on a port of its own, ready to be asked."""
    command = (sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning", "--port", str(port), app)
    with process(*command, environment=environment) as pid:
        wait_for(f"http://127.0.0.1:{port}/")
        yield pid


def wait_for(url: str) -> None:
    for _ in range(300):
        try:
            if httpx.get(url).status_code < 500:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{url} did not answer within 30 s")
