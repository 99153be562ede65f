"""`bedside topology`: exchanges and queues stand at the broker."""

from bedside.cli.failure import Failure
from bedside.cli.programs import CORE, queues, service_named
from bedside.events import declare_topology
from bedside.service.settings import Settings


async def declare(settings: Settings, services: tuple[str, ...] = ()) -> None:
    if settings.broker_url is None:
        raise Failure(
            "BEDSIDE_BROKER_URL names no broker; without one, events stay in the process and need no topology."
        )
    named = tuple(service_named(service) for service in services) or CORE
    await declare_topology(settings.broker_url, queues(tuple(name for name in named if name in CORE)))
