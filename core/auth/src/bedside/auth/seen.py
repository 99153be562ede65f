"""Proofs that are good once: assertions of clients, and of keys."""

from datetime import datetime

from sqlalchemy import tuple_
from sqlmodel import Session, col, delete, select

from bedside.auth.putting import put_if_absent
from bedside.auth.secrets_kept import digest
from bedside.auth.tables import SeenJti

_FORGOTTEN_AT_ONCE = 10


def first_time(session: Session, *, whose: str, jti: str, until: datetime, now: datetime) -> bool:
    """Whether the proof of this name has not been seen; from now on it has. To be asked when all else is right.

    Of two transactions at once the database lets one insert. `until` is when the proof is refused for its age.
    """
    _forget(session, now)
    return put_if_absent(session, SeenJti(whose=whose, jti=digest(jti), until=until))


def _forget(session: Session, now: datetime) -> None:
    # Each use removes more than it adds, so the table stays as small as what is still of use. Rows that another
    # transaction is removing are left to it: two that delete in different orders would wait for each other.
    key = tuple_(col(SeenJti.whose), col(SeenJti.jti))
    old = select(SeenJti.whose, SeenJti.jti).where(col(SeenJti.until) <= now).limit(_FORGOTTEN_AT_ONCE)
    session.exec(delete(SeenJti).where(key.in_(old.with_for_update(skip_locked=True))))
