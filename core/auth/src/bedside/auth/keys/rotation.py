"""Changing the keys: on time, on demand, and at once when one is no longer secret.

A rotation publishes a *next* key for each algorithm; it signs after `NOTICE`, when everybody knows it, and the one
before retires. A withdrawn key is gone at once, and with it every token it signed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlmodel import Session, col, select, update

from bedside.auth.access_log import Happening, record
from bedside.auth.authority import Authority
from bedside.auth.keys.life import NOTICE, ROTATED_AFTER, KeyState, key_states
from bedside.auth.keys.pair import ALGORITHMS, Algorithm, new_row
from bedside.auth.putting import put_if_absent
from bedside.auth.tables import SigningKey
from bedside.events import Fact
from bedside.events.catalog import KeyRotated

_KEYS_SHOWN_MAX = 200


@dataclass(frozen=True)
class Occasion:
    """Who changes keys, for the access log. `user_id` where a person does it in the console."""

    by: Literal["schedule", "shell", "console"]
    user_id: str | None = None


class UnknownKey(Exception):
    """There is no such key, or it is gone already."""


def all_keys(session: Session, *, now: datetime) -> list[KeyState]:
    """Every key, the newest first within each algorithm; bounded."""
    newest = select(SigningKey).order_by(col(SigningKey.created_at).desc()).limit(_KEYS_SHOWN_MAX)
    rows = session.exec(newest).all()
    return [
        state
        for algorithm in ALGORITHMS
        for state in reversed(key_states([row for row in rows if row.algorithm == algorithm], now))
    ]


def rotate(authority: Authority, occasion: Occasion, *, notice: timedelta = NOTICE) -> list[KeyState]:
    """Publishes a next key for each algorithm that has none; answers every key. Safe to repeat, and from two places."""
    with authority.units.reading() as session:
        made = _next_keys(authority, all_keys(session, now=authority.clock.now()), notice)
    with authority.units.unit() as session:
        shown = _publish(authority, session, made, occasion)
    authority.signer.reload()
    return shown


def rotate_within(authority: Authority, session: Session, occasion: Occasion) -> list[KeyState]:
    """The same in a transaction that is open already, which making an RSA key then holds up by some tenths of a second.

    The processes of auth read the new keys within seconds.
    """
    made = _next_keys(authority, all_keys(session, now=authority.clock.now()), NOTICE)
    return _publish(authority, session, made, occasion)


def withdraw(authority: Authority, kid: str, occasion: Occasion) -> list[KeyState]:
    """For a key that others may have: gone at once. A successor signs at once if it was the active one.

    Raises UnknownKey. Services refuse what it signed as soon as they hear of it, within five seconds.
    """
    with authority.units.unit() as session:
        shown = withdraw_within(authority, session, kid, occasion)
    authority.signer.reload()
    return shown


def withdraw_within(authority: Authority, session: Session, kid: str, occasion: Occasion) -> list[KeyState]:
    """The same in a transaction that is open already. It is an emergency: a tenth of a second for RSA may be taken."""
    now = authority.clock.now()
    state = next((key for key in all_keys(session, now=now) if key.kid == kid and key.state != "gone"), None)
    if state is None or not _ended(session, kid, now=now):
        raise UnknownKey
    _note(authority, session, "key-withdrawn", kid, occasion, {"algorithm": state.algorithm})
    if state.state == "active":
        _succeed(authority, session, state, occasion)
    shown = all_keys(session, now=authority.clock.now())
    _tell(authority, session, shown)
    return shown


def turn(authority: Authority) -> None:
    """What is due: a rotation after ninety days, and the end of keys whose last token has expired. Safe to repeat."""
    now = authority.clock.now()
    with authority.units.reading() as session:
        states = all_keys(session, now=now)
        spent = [
            row.kid
            for row in session.exec(select(SigningKey).where(col(SigningKey.gone_at).is_(None)))
            if any(state.kid == row.kid and state.state == "gone" for state in states)
        ]
    if spent:
        _end_spent(authority, spent, now=now)
    if any(state.state == "active" and state.signs_from + ROTATED_AFTER - NOTICE <= now for state in states):
        rotate(authority, Occasion("schedule"))


def _end_spent(authority: Authority, kids: list[str], *, now: datetime) -> None:
    with authority.units.unit() as session:
        for kid in kids:
            if _ended(session, kid, now=now):
                _note(authority, session, "key-ended", kid, Occasion("schedule"), {})


def _next_keys(authority: Authority, states: list[KeyState], notice: timedelta) -> list[SigningKey]:
    waiting = {state.algorithm for state in states if state.state == "next"}
    return [_made(authority, states, algorithm, notice) for algorithm in ALGORITHMS if algorithm not in waiting]


def _made(authority: Authority, states: list[KeyState], algorithm: Algorithm, notice: timedelta) -> SigningKey:
    now = authority.clock.now()
    last = max((state for state in states if state.algorithm == algorithm), key=lambda state: state.created_at)
    return new_row(authority.sealing, algorithm, follows=last.kid, created_at=now, signs_from=now + notice)


def _publish(authority: Authority, session: Session, made: Sequence[SigningKey], occasion: Occasion) -> list[KeyState]:
    # Another process may have come first: then its key follows, and ours was made for nothing.
    published = [row for row in made if put_if_absent(session, row)]
    for row in published:
        _note(authority, session, "key-published", row.kid, occasion, {"algorithm": row.algorithm})
    shown = all_keys(session, now=authority.clock.now())
    if published:
        _tell(authority, session, shown)
    return shown


def _succeed(authority: Authority, session: Session, ended: KeyState, occasion: Occasion) -> None:
    """The next key, where there is one, signs from now on; else a new one."""
    now = authority.clock.now()
    known = _waiting(session, ended.algorithm, now)
    if known is None:
        algorithm: Algorithm = "ES256" if ended.algorithm == "ES256" else "RS256"
        made = _made(authority, all_keys(session, now=now), algorithm, timedelta(0))
        known = made.kid if put_if_absent(session, made) else _waiting(session, algorithm, now)
    assert known is not None, "who came first with a successor has published it"
    session.exec(update(SigningKey).where(col(SigningKey.kid) == known).values(signs_from=now))
    _note(authority, session, "key-published", known, occasion, {"algorithm": ended.algorithm})


def _waiting(session: Session, algorithm: str, now: datetime) -> str | None:
    return session.exec(
        select(SigningKey.kid).where(
            SigningKey.algorithm == algorithm, SigningKey.signs_from > now, col(SigningKey.gone_at).is_(None)
        )
    ).first()


def _ended(session: Session, kid: str, *, now: datetime) -> bool:
    """What is private of it is no longer kept."""
    ended = update(SigningKey).where(col(SigningKey.kid) == kid, col(SigningKey.gone_at).is_(None))
    return session.exec(ended.values(gone_at=now, sealed=b"")).rowcount == 1


def _note(
    authority: Authority, session: Session, action: str, kid: str, occasion: Occasion, detail: Mapping[str, str]
) -> None:
    happening = Happening(action, user_id=occasion.user_id, entity=f"Key/{kid}", detail={"by": occasion.by, **detail})
    record(authority, session, happening)


def _tell(authority: Authority, session: Session, states: list[KeyState]) -> None:
    access = [state for state in states if state.algorithm == "ES256" and state.state != "gone"]
    signing = next(state.kid for state in access if state.state == "active")
    fact = Fact(KeyRotated(kids=tuple(sorted(state.kid for state in access))), subject=f"Key/{signing}")
    session.flush()
    authority.outbox.append_sync(session.connection(), [fact], now=authority.clock.now())
