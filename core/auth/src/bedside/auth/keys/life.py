"""The life of a signing key, from its times: *next*, *active*, *retiring*, *gone*. Pure.

Every process knows a key long before it signs, and reads from the same row when it does: they change over together,
without a word between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bedside.auth.tables import SigningKey
from bedside.identity.denylist import TOKEN_LIFE_MAX

State = Literal["next", "active", "retiring", "gone"]
NOTICE = timedelta(minutes=10)
"""How long a key is published before it signs: twice as long as anybody may keep our JWKS."""
RETIRING = TOKEN_LIFE_MAX + timedelta(minutes=1)
"""How long a key is published after its last signature: its longest token, clock skew, and a slow process."""
ROTATED_AFTER = timedelta(days=90)


@dataclass(frozen=True)
class KeyState:
    """One key as administrators see it. `until` is when it is gone, as far as that is known."""

    kid: str
    algorithm: str
    state: State
    created_at: datetime
    signs_from: datetime
    until: datetime | None


def key_states(rows: Sequence[SigningKey], now: datetime) -> list[KeyState]:
    """In the order in which they sign, oldest first; the rows of one algorithm, in any order."""
    alive = sorted((row for row in rows if row.gone_at is None), key=_order)
    signing = _signing(alive, now)
    states = {row.kid: _state(row, alive, signing, now) for row in alive}
    return [
        KeyState(
            kid=row.kid,
            algorithm=row.algorithm,
            state=states.get(row.kid, "gone"),
            created_at=row.created_at,
            signs_from=row.signs_from,
            until=row.gone_at or _until(row, alive, now),
        )
        for row in sorted(rows, key=_order)
    ]


def _signing(alive: Sequence[SigningKey], now: datetime) -> SigningKey | None:
    begun = [row for row in alive if row.signs_from <= now]
    # After an emergency a process whose clock is behind finds nothing that may sign yet; its next key is the one.
    return begun[-1] if begun else (alive[0] if alive else None)


def _state(row: SigningKey, alive: Sequence[SigningKey], signing: SigningKey | None, now: datetime) -> State:
    if row is signing:
        return "active"
    if row.signs_from > now:
        return "next"
    until = _until(row, alive, now)
    return "gone" if until is not None and until <= now else "retiring"


def _until(row: SigningKey, alive: Sequence[SigningKey], now: datetime) -> datetime | None:
    """Counted from when its successor signs; None while that is not decided."""
    after = next((later for later in alive if _order(later) > _order(row)), None)
    return after.signs_from + RETIRING if after is not None else None


def _order(row: SigningKey) -> tuple[datetime, datetime, str]:
    return row.signs_from, row.created_at, row.kid
