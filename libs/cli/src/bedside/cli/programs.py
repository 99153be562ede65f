"""The four services: the only place that knows them all."""

from importlib import import_module
from typing import cast, get_args

from bedside.cli.failure import Failure
from bedside.events import Queue, queues_of
from bedside.service.running import Program
from bedside.service.settings import ServiceName

# Who is asked starts before who asks.
START_ORDER: tuple[ServiceName, ...] = ("auth", "patients", "encounters", "gateway")

CORE: tuple[ServiceName, ...] = ("auth", "patients", "encounters")

# Whose tables stand in whose database. A migration package is a library or service with a `migrations` folder.
MIGRATIONS: dict[ServiceName, tuple[str, ...]] = {
    "auth": ("bedside.events", "bedside.auth"),
    "patients": ("bedside.events", "bedside.fhir"),
    "encounters": ("bedside.events", "bedside.fhir"),
    "gateway": (),
}


def program(name: ServiceName) -> Program:
    return Program(name, import_module(f"bedside.{name}.app").build)


def service_named(name: str) -> ServiceName:
    """Raises Failure, naming those there are."""
    if name not in get_args(ServiceName):
        raise Failure(f"there is no service {name}: {', '.join(START_ORDER)}")
    return cast(ServiceName, name)


def queues(services: tuple[ServiceName, ...] = CORE) -> tuple[Queue, ...]:
    """What these core services need at the broker."""
    declared = [import_module(f"bedside.{name}.service").service for name in services]
    return tuple(queue for core in declared for queue in queues_of(core.name, core.reactions))
