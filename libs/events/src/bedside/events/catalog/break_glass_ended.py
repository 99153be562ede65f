"""Emergency access was ended before its time: tokens that speak of it are refused."""

from typing import ClassVar

from bedside.events.catalog.declaration import EventData
from bedside.events.catalog.values import Id, Instant, Reference


class BreakGlassEnded(EventData):
    """The subject is `User/<user id>`."""

    routing_key: ClassVar[str] = "break-glass.ended.v1"
    owners: ClassVar[tuple[str, ...]] = ("auth",)

    glass: Id
    user: Id
    patient: Reference
    until: Instant
    """After it the last token that speaks of it has expired by itself, and denylists may forget it."""
