"""Showing a second factor: five tries in a sign-in, counted before they are looked at, and a growing wait beyond."""

import re
from typing import Literal

from sqlmodel import Session, col, update

from bedside.auth.access_log import Happening, record
from bedside.auth.authority import Authority
from bedside.auth.revocation import end_session
from bedside.auth.sign_in.authenticator import code_fits, confirm_authenticator
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.lockout import begin_factor_try, factor_succeeded
from bedside.auth.sign_in.recovery import recovery_fits
from bedside.auth.sign_in.sessions import proven
from bedside.auth.tables import Session as BrowserSession
from bedside.auth.tables import User
from bedside.identity.acr import ONE_TIME_CODE

TRIES = 5
Outcome = Literal["shown", "wrong", "over"]
"""`over`: that was the last try, and the sign-in has ended."""
_SPACES = re.compile(r"[\s\-]")


def show_code(
    authority: Authority, session: Session, browser: Browser, browser_session: BrowserSession, user: User, typed: str
) -> Outcome:
    """A code of an app, or a recovery code. When it is shown, the session goes on under a new secret."""
    code = _SPACES.sub("", typed[:100])
    if not _may_try(authority, session, browser_session, user):
        return _failed(authority, session, browser_session, user, "waiting")
    if code_fits(authority, session, user, code):
        used = "totp"
    elif recovery_fits(authority, session, user, code):
        used = "recovery"
    else:
        return _failed(authority, session, browser_session, user, "code")
    _succeeded(authority, session, browser, browser_session, user)
    _note(authority, session, user, "factor-shown", used)
    return "shown"


def confirm_code(
    authority: Authority, session: Session, browser: Browser, browser_session: BrowserSession, user: User, typed: str
) -> Outcome:
    """The first code of the app that was just shown: from now on the app counts, and this session with it."""
    code = _SPACES.sub("", typed[:100])
    if not _may_try(authority, session, browser_session, user):
        return _failed(authority, session, browser_session, user, "waiting")
    if not confirm_authenticator(authority, session, user, code):
        return _failed(authority, session, browser_session, user, "code")
    _succeeded(authority, session, browser, browser_session, user)
    _note(authority, session, user, "factor-enrolled", "totp")
    return "shown"


def _may_try(authority: Authority, session: Session, browser_session: BrowserSession, user: User) -> bool:
    """Counts the try. Many sign-ins with the right password are held up by the account's own wait."""
    counted = update(BrowserSession).where(
        col(BrowserSession.id) == browser_session.id, col(BrowserSession.factor_failures) < TRIES
    )
    may = session.exec(counted.values(factor_failures=BrowserSession.factor_failures + 1)).rowcount == 1
    session.refresh(browser_session)
    return begin_factor_try(session, user.id, now=authority.clock.now()) and may


def _succeeded(
    authority: Authority, session: Session, browser: Browser, browser_session: BrowserSession, user: User
) -> None:
    factor_succeeded(session, user.id)
    browser.renew(proven(session, browser_session, ONE_TIME_CODE, now=authority.clock.now()))


def _failed(
    authority: Authority, session: Session, browser_session: BrowserSession, user: User, reason: str
) -> Outcome:
    over = browser_session.factor_failures >= TRIES
    if over:
        end_session(authority, session, browser_session)
    record(
        authority,
        session,
        Happening("sign-in", "refused", entity=f"User/{user.id}", detail={"reason": "tries" if over else reason}),
    )
    return "over" if over else "wrong"


def _note(authority: Authority, session: Session, user: User, action: str, kind: str) -> None:
    record(authority, session, Happening(action, user_id=user.id, entity=f"User/{user.id}", detail={"kind": kind}))
