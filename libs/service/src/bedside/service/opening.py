"""Opens what a service needs, in order, and closes it in the other."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from bedside.events import Transport
from bedside.events.database import open_database
from bedside.identity import Denylist, Keys, ServiceLogin
from bedside.service.clock import RealClock, ViewClock
from bedside.service.metrics import Measures
from bedside.service.revocations import state_at
from bedside.service.runtime import Runtime
from bedside.service.settings import ServiceName, Settings

# One process may hold four services of ten connections each: PostgreSQL's default hundred leaves room for a second.
_CONNECTIONS_MAX = 10


@asynccontextmanager
async def opened(name: ServiceName, settings: Settings, transport: Transport) -> AsyncIterator[Runtime]:
    """The runtime of a service whose database has been migrated."""
    auth = settings.address("auth")
    real_clock = RealClock()
    database = None
    if name != "gateway":
        database = await open_database(settings.database_url(name), connections_max=_CONNECTIONS_MAX)
    async with httpx.AsyncClient(timeout=httpx.Timeout(30, connect=3)) as http:
        runtime = Runtime(
            settings=settings,
            name=name,
            database=database,
            transport=transport,
            keys=Keys(f"{auth}/jwks", http),
            denylist=Denylist(),
            login=ServiceLogin(f"{auth}/token", name, settings.service_proof(name), issuer=settings.issuer, http=http),
            http=http,
            clock=real_clock if name == "auth" else ViewClock(settings.clock_utc),
            measures=Measures(name),
            real_clock=real_clock,
        )
        if name != "auth":
            runtime.follows_revocations(state_at(auth, http, runtime.login))
        if database is not None:
            owned = database

            async def database_answers() -> None:
                await owned.fetch_row("SELECT 1")

            runtime.ready_when("database", database_answers)
        try:
            yield runtime
        finally:
            if database is not None:
                await database.close()
