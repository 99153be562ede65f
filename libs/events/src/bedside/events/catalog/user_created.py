"""A user was made in the directory."""

from typing import ClassVar

from bedside.events.catalog.declaration import EventData
from bedside.events.catalog.values import Id


class UserCreated(EventData):
    """The subject is `User/<user id>`."""

    routing_key: ClassVar[str] = "user.created.v1"
    owners: ClassVar[tuple[str, ...]] = ("auth",)

    roles: tuple[Id, ...] = ()
