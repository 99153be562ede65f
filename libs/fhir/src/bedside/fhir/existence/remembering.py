"""The reaction of every core service to resources that appear and go elsewhere."""

from bedside.events import Event, Reaction, Unit
from bedside.events.catalog import ResourceCreated, ResourceDeleted
from bedside.fhir.existence.peers import Existence
from bedside.fhir.existence.rows import remember


async def _remember(event: Event, unit: Unit) -> None:
    exists = event.is_a(ResourceCreated)
    await remember(unit.connection, {event.subject: Existence(exists=exists, version=event.version)})


def remember_existence(*, told_by: str) -> Reaction:
    """Keeps the existence table of this service abreast of what the service `told_by` has."""
    return Reaction(
        name="remember_existence", events=(ResourceCreated, ResourceDeleted), handle=_remember, sources=(told_by,)
    )
