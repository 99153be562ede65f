"""What is still missing, decided in one place after every step: of the person first, then of the app's request."""

from urllib.parse import urlencode

from sqlmodel import Session
from starlette.responses import RedirectResponse, Response

from bedside.auth.answers import NO_STORE
from bedside.auth.authority import Authority
from bedside.auth.authorizing import (
    Pending,
    answered_with_code,
    answered_with_error,
    answered_with_own_page,
    grantable,
    must_choose_patient,
    must_consent,
)
from bedside.auth.refusals import OAuthRefused
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.completing import completed, missing_step
from bedside.auth.sign_in.missing import Step
from bedside.auth.sign_in.sessions import started_session
from bedside.auth.tables import Session as BrowserSession
from bedside.auth.tables import User


def next_step(
    authority: Authority, session: Session, pending: Pending, browser: Browser, *, silent: bool = False
) -> Response:
    """A redirect to the next page, or to where the request ends. `silent` (`prompt=none`) shows no page."""
    try:
        address = _next_address(authority, session, pending, browser, silent=silent)
    except OAuthRefused as refused:
        address = answered_with_error(authority, session, pending, refused)
    # 303: after a form with a password, the browser must not post it on to the app.
    return browser.remember(RedirectResponse(address, 303, headers=NO_STORE))


def _next_address(authority: Authority, session: Session, pending: Pending, browser: Browser, *, silent: bool) -> str:
    browser_session = started_session(session, browser.session_secret, now=authority.clock.now())
    step = missing_step(authority, session, pending, browser_session)
    if step is not None:
        return _sign_in_page(step, pending, silent=silent)
    assert browser_session is not None, "whoever misses no step has a session"
    completed(authority, session, browser_session, browser)
    if pending.own_page:
        return answered_with_own_page(authority, session, pending)
    return _app_address(authority, session, pending, browser_session, silent=silent)


def _app_address(
    authority: Authority, session: Session, pending: Pending, browser_session: BrowserSession, *, silent: bool
) -> str:
    """What is missing of the app's request, now that the person is signed in."""
    user = session.get(User, browser_session.user_id)
    assert user is not None, "a session is somebody's"
    if pending.row.hinted_user not in (None, user.id):
        raise OAuthRefused("login_required", "somebody else is signed in than the app asked for")
    if must_choose_patient(authority, session, pending, user):
        if silent:
            raise OAuthRefused("interaction_required", "the person has not chosen a patient")
        return _page("patient", pending)
    granted = grantable(authority, session, pending, user)
    if must_consent(session, pending, user, granted):
        if silent:
            raise OAuthRefused("consent_required", "the person has not consented")
        return _page("consent", pending)
    return answered_with_code(authority, session, pending, browser_session, granted)


def _sign_in_page(step: Step, pending: Pending, *, silent: bool) -> str:
    if silent:
        raise OAuthRefused("login_required", "the person is not signed in")
    return _page(step, pending)


def _page(name: str, pending: Pending) -> str:
    return f"/{name}?{urlencode({'request': pending.handle})}"
