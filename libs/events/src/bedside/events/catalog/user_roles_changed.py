"""What a user may do has changed: tokens issued to them before are refused."""

from typing import ClassVar

from bedside.events.catalog.declaration import EventData
from bedside.events.catalog.values import Id, Instant


class UserRolesChanged(EventData):
    """The subject is `User/<user id>`; `roles` are those held now.

    It is told for every right that tokens carry: rights to labels and the link to a record as well.
    """

    routing_key: ClassVar[str] = "user.roles-changed.v1"
    owners: ClassVar[tuple[str, ...]] = ("auth",)

    roles: tuple[Id, ...] = ()
    issued_before: Instant
    """Tokens issued before it are refused."""
    until: Instant
    """After it the user's last token of before has expired by itself, and denylists may forget it."""
