"""The keys that sign tokens have changed: whoever verifies reads them again."""

from typing import ClassVar

from bedside.events.catalog.declaration import EventData
from bedside.events.catalog.values import Id


class KeyRotated(EventData):
    """The subject is `Key/<kid of the key that signs now>`."""

    routing_key: ClassVar[str] = "key.rotated.v1"
    owners: ClassVar[tuple[str, ...]] = ("auth",)

    kids: tuple[Id, ...]
    """Every key that is published now: next, active and retiring."""
