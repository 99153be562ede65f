"""Showing a second factor: five tries in a sign-in, counted before they are looked at, and a growing wait beyond."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sqlmodel import Session, col, update

from bedside.auth.access_log import Happening, record
from bedside.auth.authority import Authority
from bedside.auth.revocation import end_session
from bedside.auth.sign_in.authenticator import code_fits, confirm_authenticator
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.lockout import begin_factor_try, factor_succeeded
from bedside.auth.sign_in.passkeys import NotAccepted, keep_passkey, use_passkey
from bedside.auth.sign_in.recovery import recovery_fits
from bedside.auth.sign_in.sessions import proven
from bedside.auth.tables import Session as BrowserSession
from bedside.auth.tables import User
from bedside.identity.acr import ONE_TIME_CODE

TRIES = 5
Outcome = Literal["shown", "wrong", "over"]
"""`over`: that was the last try, and the sign-in has ended."""
_SPACES = re.compile(r"[\s\-]")


@dataclass(frozen=True)
class Shown:
    """`action` and `kind` are words of the log, `method` one of RFC 8176."""

    action: str
    kind: str
    method: str


def show_code(
    authority: Authority, session: Session, browser: Browser, browser_session: BrowserSession, user: User, typed: str
) -> Outcome:
    """A code of an app, or a recovery code. When it is shown, the session goes on under a new secret."""

    def tried() -> Shown:
        code = _digits(typed)
        if code_fits(authority, session, user, code):
            return Shown("factor-shown", "totp", ONE_TIME_CODE)
        if recovery_fits(authority, session, user, code):
            return Shown("factor-shown", "recovery", ONE_TIME_CODE)
        raise NotAccepted("code")

    return _try(authority, session, browser, browser_session, user, tried)


def confirm_code(
    authority: Authority, session: Session, browser: Browser, browser_session: BrowserSession, user: User, typed: str
) -> Outcome:
    """The first code of the app that was just shown: from now on the app counts, and this session with it."""

    def tried() -> Shown:
        if not confirm_authenticator(authority, session, user, _digits(typed)):
            raise NotAccepted("code")
        return Shown("factor-enrolled", "totp", ONE_TIME_CODE)

    return _try(authority, session, browser, browser_session, user, tried)


def show_passkey(
    authority: Authority, session: Session, browser: Browser, browser_session: BrowserSession, user: User, answer: str
) -> Outcome:
    """What the browser's `get` answered."""

    def tried() -> Shown:
        return Shown("factor-shown", "passkey", use_passkey(authority, session, browser_session, user, answer))

    return _try(authority, session, browser, browser_session, user, tried)


def enrol_passkey(
    authority: Authority, session: Session, browser: Browser, browser_session: BrowserSession, user: User, answer: str
) -> Outcome:
    """What the browser's `create` answered: from now on the passkey counts, and this session with it."""

    def tried() -> Shown:
        return Shown("factor-enrolled", "passkey", keep_passkey(authority, session, browser_session, user, answer))

    return _try(authority, session, browser, browser_session, user, tried)


def _try(
    authority: Authority,
    session: Session,
    browser: Browser,
    browser_session: BrowserSession,
    user: User,
    tried: Callable[[], Shown],
) -> Outcome:
    if not _may_try(authority, session, browser_session, user):
        return _failed(authority, session, browser_session, user, "waiting")
    try:
        shown = tried()
    except NotAccepted as refused:
        return _failed(authority, session, browser_session, user, refused.reason)
    factor_succeeded(session, user.id)
    browser.renew(proven(session, browser_session, shown.method, now=authority.clock.now()))
    entity, detail = f"User/{user.id}", {"kind": shown.kind}
    record(authority, session, Happening(shown.action, user_id=user.id, entity=entity, detail=detail))
    return "shown"


def _digits(typed: str) -> str:
    return _SPACES.sub("", typed[:100])


def _may_try(authority: Authority, session: Session, browser_session: BrowserSession, user: User) -> bool:
    """Counts the try. Many sign-ins with the right password are held up by the account's own wait."""
    counted = update(BrowserSession).where(
        col(BrowserSession.id) == browser_session.id, col(BrowserSession.factor_failures) < TRIES
    )
    may = session.exec(counted.values(factor_failures=BrowserSession.factor_failures + 1)).rowcount == 1
    session.refresh(browser_session)
    return begin_factor_try(session, user.id, now=authority.clock.now()) and may


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
