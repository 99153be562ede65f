"""What auth took back, kept in the denylist of each running service."""

import asyncio
from datetime import datetime

import httpx
import structlog

from bedside.events import Event
from bedside.events.catalog import ClientDisabled, SessionRevoked, TokenRevoked, UserDeactivated
from bedside.identity import Denylist, LoginRefused, ServiceLogin, Unreachable

REVOCATIONS = (TokenRevoked, SessionRevoked, ClientDisabled, UserDeactivated)
SCOPE = "system/revocations.read"
_BACK_OFF_S = (0.5, 1.0, 2.0, 5.0)
log = structlog.get_logger("bedside.service.revocations")


class Revocations:
    """`auth` is its address."""

    def __init__(self, denylist: Denylist, auth: str, http: httpx.AsyncClient, login: ServiceLogin) -> None:
        self._denylist = denylist
        self._auth = auth
        self._http = http
        self._login = login

    async def read_all(self) -> None:
        """Whatever was told while nobody listened. Goes on asking while auth is away."""
        attempt = 0
        while not await self._read():
            await asyncio.sleep(_BACK_OFF_S[min(attempt, len(_BACK_OFF_S) - 1)])
            attempt += 1

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

    async def _read(self) -> bool:
        try:
            token = await self._login.token(self._auth, SCOPE)
            answer = await self._http.get(
                f"{self._auth}/internal/revocations", headers={"Authorization": f"Bearer {token}"}
            )
            answer.raise_for_status()
            for told in answer.json()["revocations"]:
                before = datetime.fromisoformat(told["issued_before"])
                self._denylist.refuse(told["kind"], told["value"], issued_before=before)
        except (httpx.HTTPError, LoginRefused, Unreachable, ValueError, KeyError) as error:
            log.warning("revocations cannot be read", error=type(error).__name__)
            return False
        return True
