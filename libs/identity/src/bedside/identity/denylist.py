"""Tokens that are refused before they expire."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from bedside.identity.clock import SYSTEM_CLOCK, Clock

Kind = Literal["token", "session", "client", "user", "glass"]
TOKEN_LIFE_MAX = timedelta(minutes=6)
"""The longest that an access token can live, clock skew included: an entry is kept as long."""
SWEEP_INTERVAL = timedelta(minutes=1)


class Denylist:
    """What auth told us to refuse. Entries forget themselves once no token they speak of can still be valid.

    A token issued after its entry is accepted: a user whose roles changed signs in again and goes on.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._refused_before: dict[Kind, dict[str, datetime]] = {
            "token": {},
            "session": {},
            "client": {},
            "user": {},
            "glass": {},
        }
        self._tokens, self._sessions, self._clients, self._users, self._glasses = self._refused_before.values()
        self._swept_at = clock.now()

    def refuse(self, kind: Kind, value: str, *, issued_before: datetime | None = None) -> None:
        """`value` is a jti, sid, client_id, sub or the id of an emergency access. Without an instant: all until now.

        The instant is by auth's clock, as what a token says of its issue is.
        """
        now = self._clock.now()
        if now - self._swept_at > SWEEP_INTERVAL:
            self._sweep(now)
        entries = self._refused_before[kind]
        before = issued_before or now
        known = entries.get(value)
        entries[value] = before if known is None or before > known else known

    def refuses(
        self,
        *,
        token_id: str,
        session_id: str,
        client_id: str,
        subject: str,
        issued_at: datetime,
        glasses: Iterable[str] = (),
    ) -> bool:
        if glasses and self.knows_ended(glasses):
            return True
        # A token carries whole seconds, so one issued in the very second of its revocation counts as before it.
        before = self._users.get(subject)
        if before is not None and issued_at <= before:
            return True
        before = self._sessions.get(session_id)
        if before is not None and issued_at <= before:
            return True
        before = self._tokens.get(token_id)
        if before is not None and issued_at <= before:
            return True
        before = self._clients.get(client_id)
        return before is not None and issued_at <= before

    def knows_ended(self, glasses: Iterable[str]) -> bool:
        """Whether one of these emergency accesses was ended: it never comes back, so no token's age counts."""
        return any(glass in self._glasses for glass in glasses)

    def __len__(self) -> int:
        return sum(len(entries) for entries in self._refused_before.values())

    def _sweep(self, now: datetime) -> None:
        self._swept_at = now
        oldest = now - TOKEN_LIFE_MAX
        for entries in self._refused_before.values():
            for value in [value for value, before in entries.items() if before <= oldest]:
                del entries[value]
