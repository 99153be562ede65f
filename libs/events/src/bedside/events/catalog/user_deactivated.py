"""A user may act no longer: tokens issued to them before are refused."""

from typing import ClassVar

from bedside.events.catalog.declaration import EventData
from bedside.events.catalog.values import Id, Instant


class UserDeactivated(EventData):
    """The subject is `User/<user id>`."""

    routing_key: ClassVar[str] = "user.deactivated.v1"
    owners: ClassVar[tuple[str, ...]] = ("auth",)

    roles: tuple[Id, ...] = ()
    issued_before: Instant
    """Tokens issued before it are refused."""
    until: Instant
    """After it the user's last token has expired by itself, and denylists may forget it."""
