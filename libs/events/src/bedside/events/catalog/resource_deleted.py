"""A resource that another owner's elements may name as target is gone."""

from typing import ClassVar

from bedside.events.catalog.declaration import EventData


class ResourceDeleted(EventData):
    """The subject says all there is to know: `Practitioner/x` exists no longer."""

    routing_key: ClassVar[str] = "resource.deleted.v1"
    owners: ClassVar[tuple[str, ...]] = ("patients", "encounters")
