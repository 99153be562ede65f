"""Guessing gets slower: after five failures each further one makes the account wait longer.

Failures are counted before the password is checked, so that many guesses at once are not one. The wait is never
lasting, or anybody could lock anybody out.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, col, delete

from bedside.auth.directory import folded
from bedside.auth.putting import put_if_absent
from bedside.auth.secrets_kept import digest
from bedside.auth.tables import Attempt

FAILURES_FREE = 5
DELAY_MAX = timedelta(minutes=5)
FORGOTTEN_AFTER = timedelta(days=1)


def begin_attempt(session: Session, username: str, *, now: datetime) -> bool:
    """Counts the attempt as failed until `succeeded` says otherwise. False while the account has to wait."""
    account = _account(username)
    # The row must be there to be locked, or two first guesses at once would count as one.
    put_if_absent(session, Attempt(account=account))
    attempt = session.get(Attempt, account, with_for_update=True)
    if attempt is None or (attempt.locked_until is not None and now < attempt.locked_until):
        return False
    attempt.failures += 1
    attempt.locked_until = now + delay(attempt.failures)
    session.add(attempt)
    return True


def succeeded(session: Session, username: str, *, now: datetime) -> None:
    """Forgets the failures of this account, and those of others once they are a day old: names can be made up."""
    attempt = session.get(Attempt, _account(username))
    if attempt is not None:
        attempt.failures, attempt.locked_until = 0, None
        session.add(attempt)
    session.exec(delete(Attempt).where(col(Attempt.locked_until) < now - FORGOTTEN_AFTER))


def delay(failures: int) -> timedelta:
    """2, 4, 8 … seconds from the fifth failure on, at most five minutes."""
    if failures < FAILURES_FREE:
        return timedelta(0)
    return min(timedelta(seconds=2 ** min(failures - FAILURES_FREE + 1, 20)), DELAY_MAX)


def _account(username: str) -> str:
    return digest(folded(username))
