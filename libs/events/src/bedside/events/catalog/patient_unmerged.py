"""A merge was undone: the patient record lost its `replaced-by` link, and stands for itself again."""

from typing import ClassVar

from bedside.events.catalog.declaration import EventData
from bedside.events.catalog.values import ElementPath, Reference


class PatientUnmerged(EventData):
    """The subject is the record that was retired and is so no longer; `survivor` is the one it had been merged into."""

    routing_key: ClassVar[str] = "patient.unmerged.v1"
    owners: ClassVar[tuple[str, ...]] = ("patients",)

    survivor: Reference
    changed: tuple[ElementPath, ...] = ()
