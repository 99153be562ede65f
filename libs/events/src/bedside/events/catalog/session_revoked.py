"""A session ended: every token issued in it is refused."""

from typing import ClassVar

from bedside.events.catalog.declaration import EventData
from bedside.events.catalog.values import Id, Instant


class SessionRevoked(EventData):
    """The subject is `Session/<sid>`."""

    routing_key: ClassVar[str] = "session.revoked.v1"
    owners: ClassVar[tuple[str, ...]] = ("auth",)

    sid: Id
    until: Instant
    """After it the session's last token has expired by itself, and denylists may forget it."""
