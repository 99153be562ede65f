"""`bedside serve`: one service, as its image runs it."""

from bedside.cli.programs import program, service_named
from bedside.service.logs import configure_logs
from bedside.service.running import run
from bedside.service.settings import Settings


async def serve(service: str, settings: Settings) -> None:
    name = service_named(service)
    configure_logs(settings.log_level)
    await run([program(name)], settings)
