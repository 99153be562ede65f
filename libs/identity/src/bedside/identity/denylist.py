"""Tokens that are refused before they expire."""

from datetime import datetime, timedelta
from typing import Literal

from bedside.identity.clock import SYSTEM_CLOCK, Clock

Kind = Literal["token", "session", "client", "user"]
TOKEN_LIFE_MAX = timedelta(minutes=6)
"""The longest that an access token can live, clock skew included: an entry is kept as long."""
_ENTRIES_BEFORE_SWEEP = 1_000


class Denylist:
    """What auth told us to refuse. Entries forget themselves once no token they speak of can still be valid.

    A token issued after its entry is accepted: a user whose roles changed signs in again and goes on.
    """

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._refused_before: dict[tuple[Kind, str], datetime] = {}

    def refuse(self, kind: Kind, value: str, *, issued_before: datetime | None = None) -> None:
        """`value` is a jti, sid, client_id or sub. Without an instant: everything issued until now."""
        before = issued_before or self._clock.now()
        known = self._refused_before.get((kind, value))
        self._refused_before[kind, value] = max(before, known) if known else before
        if len(self._refused_before) % _ENTRIES_BEFORE_SWEEP == 0:
            self._sweep()

    def refuses(self, *, token_id: str, session_id: str, client_id: str, subject: str, issued_at: datetime) -> bool:
        if not self._refused_before:
            return False
        # A token carries whole seconds, so one issued in the very second of its revocation counts as before it.
        return any(
            before is not None and issued_at <= before
            for before in (
                self._refused_before.get(("token", token_id)),
                self._refused_before.get(("session", session_id)),
                self._refused_before.get(("client", client_id)),
                self._refused_before.get(("user", subject)),
            )
        )

    def clear(self) -> None:
        """Before a snapshot is read anew."""
        self._refused_before.clear()

    def _sweep(self) -> None:
        oldest = self._clock.now() - TOKEN_LIFE_MAX
        self._refused_before = {key: before for key, before in self._refused_before.items() if before > oldest}
