"""Recovery codes: for who has lost their telephone or key. Ten, shown once, each good once."""

import secrets
import uuid

from sqlmodel import Session, col, delete, func, select, update

from bedside.auth.authority import Authority
from bedside.auth.tables import Credential, User

KIND = "recovery"
CODES = 10
DIGITS = 12
"""Forty bits, of which a sign-in has five guesses; digits, so that a telephone shows the same keys as for a code."""
_GROUP = 4


def new_recovery_codes(authority: Authority, session: Session, user: User) -> list[str]:
    """As they are shown, `1234 5678 9012`; those from before are good no longer."""
    session.exec(delete(Credential).where(col(Credential.user_id) == user.id, col(Credential.kind) == KIND))
    now = authority.clock.now()
    codes = [f"{secrets.randbelow(10**DIGITS):0{DIGITS}}" for _ in range(CODES)]
    session.add_all(
        Credential(
            id=str(uuid.uuid4()),
            user_id=user.id,
            kind=KIND,
            known_by=_mark(authority, user, code),
            created_at=now,
            confirmed_at=now,
        )
        for code in codes
    )
    session.flush()
    return [" ".join(code[at : at + _GROUP] for at in range(0, DIGITS, _GROUP)) for code in codes]


def recovery_fits(authority: Authority, session: Session, user: User, code: str) -> bool:
    """Whether it is one of this person's codes that was not used before; it is used now."""
    unused = update(Credential).where(
        col(Credential.known_by) == _mark(authority, user, code),
        col(Credential.user_id) == user.id,
        col(Credential.kind) == KIND,
        col(Credential.used_at).is_(None),
    )
    return bool(session.exec(unused.values(used_at=authority.clock.now())).rowcount == 1)


def recovery_codes_left(session: Session, user: User) -> int:
    unused = select(func.count()).where(
        Credential.user_id == user.id, Credential.kind == KIND, col(Credential.used_at).is_(None)
    )
    return session.exec(unused).one()


def _mark(authority: Authority, user: User, code: str) -> str:
    """Keyed: forty bits could be guessed from a plain hash."""
    return authority.sealing.mark("recovery code", f"{user.id} {code}")
