"""An access token is refused before its time."""

from typing import ClassVar

from bedside.events.catalog.declaration import EventData
from bedside.events.catalog.values import Id, Instant


class TokenRevoked(EventData):
    """The subject is `Token/<jti>`."""

    routing_key: ClassVar[str] = "token.revoked.v1"
    owners: ClassVar[tuple[str, ...]] = ("auth",)

    jti: Id
    until: Instant
    """After it the token has expired by itself, and denylists may forget it."""
