"""Every route that a service serves, from the app objects themselves: none can be forgotten here."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from bedside.events.migrating import migrate
from bedside.events.transport import InProcessTransport
from bedside.identity.access import access_of, every_route, methods_of
from bedside.service import SERVICES, Settings
from bedside.service.assembling import assembled
from bedside.service.opening import opened

TABLES = {"patients": "bedside.fhir", "encounters": "bedside.fhir", "auth": "bedside.auth"}


@dataclass(frozen=True, order=True)
class Walked:
    """`path` as it was declared, with its parameters in braces."""

    service: str
    method: str
    path: str
    access: str

    @property
    def word(self) -> str:
        return self.access.partition(" ")[0]

    @property
    def needs(self) -> str:
        return self.access.partition(" ")[2]


async def every_served_route(folder: Path) -> tuple[Walked, ...]:
    """Of each service, assembled as it is served. Nothing is started. `folder` takes the empty databases."""
    settings = Settings(data_dir=folder, demo=True)
    found: list[Walked] = []
    async with AsyncExitStack() as stack:
        transport = InProcessTransport()
        for name in SERVICES:
            if name in TABLES:
                for package in ("bedside.events", TABLES[name]):
                    migrate(settings.database_url(name), package)
            runtime = await stack.enter_async_context(opened(name, settings, transport))
            app = assembled(await import_module(f"bedside.{name}.app").build(runtime), runtime)
            found += _walked(name, app)
    return tuple(sorted(set(found)))


def _walked(service: str, app: object) -> Iterator[Walked]:
    for path, route in every_route(app):
        for method in methods_of(route):
            access = access_of(route, method)
            assert access is not None, f"{service}: {method} {path} does not say who may call it"
            yield Walked(service, method, path, access)
