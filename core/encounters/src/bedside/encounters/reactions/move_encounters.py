"""A patient's record was merged into another: what happened to the one happened to the other. And when that is undone.

Both facts belong to one reaction, so that they are applied in the order in which they were told.
"""

from bedside.events import Event, Reaction, Unit
from bedside.events.catalog import PatientMerged, PatientUnmerged
from bedside.fhir.existence.merging import repoint
from bedside.fhir.existence.unmerging import point_back


async def _move(event: Event, unit: Unit) -> None:
    if event.is_a(PatientUnmerged):
        await _move_back(event, unit)
        return
    survivor = event.read_as(PatientMerged).survivor
    await repoint(
        unit.connection, retired=event.subject, survivor=survivor, version=event.version, now=unit.now, cause=event.id
    )


async def _move_back(event: Event, unit: Unit) -> None:
    survivor = event.read_as(PatientUnmerged).survivor
    await point_back(
        unit.connection, restored=event.subject, survivor=survivor, version=event.version, now=unit.now, cause=event.id
    )


move_encounters = Reaction(name="move_encounters", events=(PatientMerged, PatientUnmerged), handle=_move)
