"""Emergency access to one patient's record began. Why is kept by auth and told to nobody."""

from typing import ClassVar

from bedside.events.catalog.declaration import EventData
from bedside.events.catalog.values import Id, Instant, Reference


class BreakGlassUsed(EventData):
    """The subject is `User/<user id>`."""

    routing_key: ClassVar[str] = "break-glass.used.v1"
    owners: ClassVar[tuple[str, ...]] = ("auth",)

    glass: Id
    user: Id
    patient: Reference
    until: Instant
    """When it ends by itself."""
