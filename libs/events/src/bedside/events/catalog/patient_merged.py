"""A patient record was retired in favour of another: its `replaced-by` link appeared."""

from typing import ClassVar

from bedside.events.catalog.declaration import EventData
from bedside.events.catalog.values import ElementPath, Reference


class PatientMerged(EventData):
    """The subject is the retired record."""

    routing_key: ClassVar[str] = "patient.merged.v1"
    owners: ClassVar[tuple[str, ...]] = ("patients",)

    survivor: Reference
    changed: tuple[ElementPath, ...] = ()
