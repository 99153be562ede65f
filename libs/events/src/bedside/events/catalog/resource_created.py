"""A resource that another owner's elements may name as target appears, or returns after a deletion."""

from typing import ClassVar

from bedside.events.catalog.declaration import EventData


class ResourceCreated(EventData):
    """The subject says all there is to know: `Practitioner/x` exists."""

    routing_key: ClassVar[str] = "resource.created.v1"
    owners: ClassVar[tuple[str, ...]] = ("patients", "encounters")
