"""What auth took back, kept in the denylist of each running service; and whether that is all there is.

A state is read whole at the start, after every interruption and whenever something is missing or nothing is heard;
between, facts come by the broker. After 15 s with neither, the service vouches for nobody (`bedside.identity.Hearing`).
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import httpx
import structlog

from bedside.events import Event, Follower, Known, Meter, Transport, UnknownSchema
from bedside.events.catalog import (
    BreakGlassEnded,
    ClientDisabled,
    KeyRotated,
    SessionRevoked,
    TokenRevoked,
    UserDeactivated,
    UserRolesChanged,
)
from bedside.identity import Denylist, Hearing, Keys, LoginRefused, ServiceLogin, Unreachable
from bedside.identity.denylist import TOKEN_LIFE_MAX

SCOPE = "system/revocations.read"
READ_TIMEOUT_S = 2.0
State = Mapping[str, Any]
"""As `GET /internal/revocations` of auth answers."""
log = structlog.get_logger("bedside.service.revocations")


class Revocations:
    """`state` reads what is revoked now, and gives None when auth does not answer.

    `listeners` are told of every fact of auth's, once the denylist has it.
    """

    def __init__(
        self,
        state: Callable[[], Awaitable[State | None]],
        *,
        denylist: Denylist,
        hearing: Hearing,
        keys: Keys,
        meter: Meter,
        listeners: Iterable[Callable[[Event], None]] = (),
    ) -> None:
        self._listeners = listeners
        self._state = state
        self._denylist = denylist
        self._hearing = hearing
        self._keys = keys
        self._meter = meter

    def followed(self, transport: Transport, service: str) -> Follower:
        return Follower(
            transport,
            service,
            "auth",
            read_all=self.read_all,
            handle=self.take,
            informed=self._hearing.informed,
            look=self._gauge,
            meter=self._meter,
        )

    async def read_all(self) -> Known | None:
        told = await self._state()
        if told is None:
            return None
        try:
            known = Known(int(told["epoch"]), int(told["position"]), datetime.fromisoformat(told["now"]))
            for one in told["revocations"]:
                before = datetime.fromisoformat(one["issued_before"])
                self._denylist.refuse(one["kind"], one["value"], issued_before=before)
            kids = frozenset(told["kids"])
        except (ValueError, KeyError, TypeError) as error:
            log.warning("revocations cannot be read", error=type(error).__name__)
            return None
        if self._keys.known and self._keys.known != kids:
            await self._keys.reload()
        return known

    async def take(self, event: Event) -> None:
        """Kinds of facts that say nothing about tokens pass by."""
        began = time.monotonic()
        try:
            await self._apply(event)
            for listener in self._listeners:
                listener(event)
        except UnknownSchema as error:
            # Whatever a later version told this way is in the state, which is in words that do not change.
            log.error("a fact cannot be read", kind=event.routing_key, error=type(error).__name__)
        self._meter.gauge("revocation_apply_seconds", time.monotonic() - began)

    async def _apply(self, event: Event) -> None:
        # An instant of auth's, never of ours: a token's own instant is compared with it.
        if event.is_a(TokenRevoked):
            token = event.read_as(TokenRevoked)
            self._denylist.refuse("token", token.jti, issued_before=token.until)
        elif event.is_a(SessionRevoked):
            session = event.read_as(SessionRevoked)
            self._denylist.refuse("session", session.sid, issued_before=session.until)
        elif event.is_a(ClientDisabled):
            client = event.read_as(ClientDisabled)
            self._denylist.refuse("client", client.client_id, issued_before=client.until - TOKEN_LIFE_MAX)
        elif event.is_a(UserDeactivated):
            self._refuse_user(event, event.read_as(UserDeactivated).issued_before)
        elif event.is_a(UserRolesChanged):
            self._refuse_user(event, event.read_as(UserRolesChanged).issued_before)
        elif event.is_a(BreakGlassEnded):
            ended = event.read_as(BreakGlassEnded)
            self._denylist.refuse("glass", ended.glass, issued_before=ended.until - TOKEN_LIFE_MAX)
        elif event.is_a(KeyRotated):
            await self._keys.reload()

    def _refuse_user(self, event: Event, before: datetime) -> None:
        self._denylist.refuse("user", event.subject.removeprefix("User/"), issued_before=before)

    def _gauge(self) -> None:
        self._meter.gauge("revocations_age_seconds", self._hearing.age_s)
        self._meter.gauge("revocations_deaf", float(self._hearing.deaf))
        self._meter.gauge("denylist_entries", len(self._denylist))


def state_at(auth: str, http: httpx.AsyncClient, login: ServiceLogin) -> Callable[[], Awaitable[State | None]]:
    """Asks auth at this address, with the service's own token."""

    async def read() -> State | None:
        try:
            token = await login.token(auth, SCOPE)
            answer = await http.get(
                f"{auth}/internal/revocations",
                headers={"Authorization": f"Bearer {token}"},
                timeout=READ_TIMEOUT_S,
            )
            answer.raise_for_status()
            told: State = answer.json()
        except (httpx.HTTPError, LoginRefused, Unreachable, ValueError) as error:
            log.warning("revocations cannot be read", error=type(error).__name__)
            return None
        return told

    return read
