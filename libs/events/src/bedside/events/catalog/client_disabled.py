"""A client may act no longer: every token issued to it is refused."""

from typing import ClassVar

from bedside.events.catalog.declaration import EventData
from bedside.events.catalog.values import Id, Instant


class ClientDisabled(EventData):
    """The subject is `Client/<client id>`."""

    routing_key: ClassVar[str] = "client.disabled.v1"
    owners: ClassVar[tuple[str, ...]] = ("auth",)

    client_id: Id
    until: Instant
    """After it the client's last token has expired by itself, and denylists may forget it."""
