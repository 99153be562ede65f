"""A patient's record was merged into another: what happened to the one happened to the other."""

from bedside.events import Event, Reaction, Unit
from bedside.events.catalog import PatientMerged
from bedside.fhir.existence.merging import repoint


async def _move(event: Event, unit: Unit) -> None:
    survivor = event.read_as(PatientMerged).survivor
    await repoint(
        unit.connection, retired=event.subject, survivor=survivor, version=event.version, now=unit.now, cause=event.id
    )


move_encounters = Reaction(name="move_encounters", events=(PatientMerged,), handle=_move)
