"""A practitioner's record appeared or changed in what others need to know of it."""

from typing import ClassVar

from bedside.events.catalog.declaration import EventData


class PractitionerChanged(EventData):
    """The subject is the Practitioner."""

    routing_key: ClassVar[str] = "practitioner.changed.v1"
    owners: ClassVar[tuple[str, ...]] = ("patients",)

    active: bool
    """False when the record says so, or is gone. A record that says nothing is active."""
