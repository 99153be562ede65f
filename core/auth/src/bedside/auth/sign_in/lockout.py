"""Guessing gets slower: after five failures each further one makes the account wait longer.

Failures are counted before the password is checked, so that many guesses at once are not one. The wait is never
lasting, and a stranger who keeps an account waiting does not reach its person in a browser where they have signed in
before: that one counts for itself.
https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, or_, update

from bedside.auth.directory import folded
from bedside.auth.putting import put_if_absent
from bedside.auth.secrets_kept import digest
from bedside.auth.tables import AddressBudget, Attempt

FAILURES_FREE = 5
DELAY_MAX = timedelta(minutes=5)
FORGOTTEN_AFTER = timedelta(days=1)
KNOWN_FOR = timedelta(days=90)
ADDRESS_FAILURES_MAX = 100
"""Many people may share an address, and their known browsers are not counted."""
ADDRESS_WINDOW = timedelta(minutes=10)


@dataclass(frozen=True)
class Try:
    """One try, counted as failed until `succeeded` says otherwise.

    `may` is False while the account has to wait, `address_may` while the network address has to.
    """

    may: bool
    address_may: bool
    counted_as: str
    address: str | None
    """None for a known browser, which no address is charged for."""
    browser: str


def begin_try(session: Session, username: str, *, browser: str, address: str, now: datetime) -> Try:
    """`browser` is its secret name, `address` a keyed hash."""
    own = _of_browser(username, browser)
    known = session.get(Attempt, own)
    if known is not None and known.known_until is not None and known.known_until > now:
        return Try(_counted(session, own, now=now), True, own, None, own)
    account = account_of(username)
    if not charge(session, address, now=now):
        return Try(False, False, account, address, own)
    return Try(_counted(session, account, now=now), True, account, address, own)


def succeeded(session: Session, tried: Try, *, now: datetime) -> None:
    """Takes the failure back, and knows the browser from now on."""
    # A user's own success must not give a whole address its tries again, only the one that it took.
    session.exec(
        update(AddressBudget)
        .where(col(AddressBudget.address) == tried.address, col(AddressBudget.failures) > 0)
        .values(failures=AddressBudget.failures - 1)
    )
    session.exec(update(Attempt).where(col(Attempt.account) == tried.counted_as).values(failures=0, locked_until=None))
    put_if_absent(session, Attempt(account=tried.browser))
    session.exec(update(Attempt).where(col(Attempt.account) == tried.browser).values(known_until=now + KNOWN_FOR))
    _clear_away(session, now=now)


def begin_factor_try(session: Session, user_id: str, *, now: datetime) -> bool:
    """Counts a try of a second factor as failed. False while this account's factors have to wait."""
    return _counted(session, _factors_of(user_id), now=now)


def factor_succeeded(session: Session, user_id: str) -> None:
    fresh = update(Attempt).where(col(Attempt.account) == _factors_of(user_id))
    session.exec(fresh.values(failures=0, locked_until=None))


def forgive(session: Session, username: str) -> None:
    """Somebody has shown otherwise who they are: the account need not wait."""
    session.exec(
        update(Attempt)
        .where(col(Attempt.account) == account_of(username))
        .values(failures=0, locked_until=None, link_asked_at=None)
    )


def delay(failures: int) -> timedelta:
    """2, 4, 8 … seconds from the fifth failure on, at most five minutes."""
    if failures < FAILURES_FREE:
        return timedelta(0)
    return min(timedelta(seconds=2 ** min(failures - FAILURES_FREE + 1, 20)), DELAY_MAX)


def account_of(username: str) -> str:
    return digest(folded(username))


def charge(session: Session, address: str, *, now: datetime) -> bool:
    """Counts a failure of this network address. False when it has none left for now."""
    # The row must be there to be locked, or two first guesses at once would count as one.
    put_if_absent(session, AddressBudget(address=address, began_at=now))
    budget = session.get(AddressBudget, address, with_for_update=True)
    assert budget is not None, "it was put there"
    if budget.began_at + ADDRESS_WINDOW <= now:
        budget.began_at, budget.failures = now, 0
    if budget.failures >= ADDRESS_FAILURES_MAX:
        return False
    budget.failures += 1
    session.add(budget)
    return True


def _counted(session: Session, account: str, *, now: datetime) -> bool:
    put_if_absent(session, Attempt(account=account))
    attempt = session.get(Attempt, account, with_for_update=True)
    assert attempt is not None, "it was put there"
    last = attempt.locked_until
    # Who waited for the row comes with an earlier `now` than who had it: within the free tries that is no wait.
    if attempt.failures >= FAILURES_FREE and last is not None and now < last:
        return False
    if last is not None and last + FORGOTTEN_AFTER <= now:
        attempt.failures = 0
    attempt.failures += 1
    attempt.locked_until = now + delay(attempt.failures)
    session.add(attempt)
    return True


def _factors_of(user_id: str) -> str:
    return digest(f"second factors of\n{user_id}")


def _of_browser(username: str, browser: str) -> str:
    return digest(f"{folded(username)}\n{browser}")


def _clear_away(session: Session, *, now: datetime) -> None:
    """Names can be made up, and addresses change: what is a day old tells nothing any more."""
    old = now - FORGOTTEN_AFTER
    session.exec(delete(Attempt).where(col(Attempt.known_until) <= now))
    session.exec(
        delete(Attempt).where(
            col(Attempt.locked_until) < old,
            col(Attempt.known_until).is_(None),
            or_(col(Attempt.link_asked_at).is_(None), col(Attempt.link_asked_at) < old),
        )
    )
    session.exec(delete(AddressBudget).where(col(AddressBudget.began_at) < old))
