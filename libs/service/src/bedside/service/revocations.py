"""What auth took back, kept in the denylist of each running service."""

from datetime import datetime

from bedside.events import Event
from bedside.events.catalog import ClientDisabled, SessionRevoked, TokenRevoked, UserDeactivated
from bedside.identity import Denylist

REVOCATIONS = (TokenRevoked, SessionRevoked, ClientDisabled, UserDeactivated)


class Revocations:
    def __init__(self, denylist: Denylist) -> None:
        self._denylist = denylist

    async def take(self, event: Event) -> None:
        if event.is_a(TokenRevoked):
            self._denylist.refuse("token", event.read_as(TokenRevoked).jti)
        elif event.is_a(SessionRevoked):
            self._denylist.refuse("session", event.read_as(SessionRevoked).sid)
        elif event.is_a(ClientDisabled):
            self._denylist.refuse("client", event.read_as(ClientDisabled).client_id)
        elif event.is_a(UserDeactivated):
            before = datetime.fromisoformat(str(event.read_as(UserDeactivated).issued_before))
            self._denylist.refuse("user", event.subject.removeprefix("User/"), issued_before=before)
