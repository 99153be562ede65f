"""Guessing gets slower: after five failures each further one makes the account wait longer.

Failures are counted before the password is checked, so that many guesses at once are not one. The wait is never
lasting, or anybody could lock anybody out.
"""

from datetime import datetime, timedelta

from sqlmodel import Session

from bedside.auth.directory import folded
from bedside.auth.secrets_kept import digest
from bedside.auth.tables import Attempt

FAILURES_FREE = 5
DELAY_MAX = timedelta(minutes=5)


def begin_attempt(session: Session, username: str, *, now: datetime) -> bool:
    """Counts the attempt as failed until `succeeded` says otherwise. False while the account has to wait."""
    account = _account(username)
    attempt = session.get(Attempt, account, with_for_update=True) or Attempt(account=account)
    if attempt.locked_until is not None and now < attempt.locked_until:
        return False
    attempt.failures += 1
    attempt.locked_until = now + delay(attempt.failures)
    session.merge(attempt)
    return True


def succeeded(session: Session, username: str) -> None:
    attempt = session.get(Attempt, _account(username))
    if attempt is not None:
        session.delete(attempt)


def delay(failures: int) -> timedelta:
    """2, 4, 8 … seconds from the fifth failure on, at most five minutes."""
    if failures < FAILURES_FREE:
        return timedelta(0)
    return min(timedelta(seconds=2 ** min(failures - FAILURES_FREE + 1, 20)), DELAY_MAX)


def _account(username: str) -> str:
    return digest(folded(username))
