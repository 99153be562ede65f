"""What is still missing, decided in one place after every step: sign-in, a patient, consent, or nothing."""

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
    must_sign_in,
)
from bedside.auth.refusals import OAuthRefused
from bedside.auth.sign_in.sessions import current_session
from bedside.auth.tables import User


def next_step(
    authority: Authority, session: Session, pending: Pending, session_secret: str | None, *, silent: bool = False
) -> Response:
    """A redirect to the next page, or back to the app. `silent` (`prompt=none`) shows no page."""
    try:
        return _to(_next_address(authority, session, pending, session_secret, silent=silent))
    except OAuthRefused as refused:
        return _to(answered_with_error(authority, session, pending, refused))


def _next_address(
    authority: Authority, session: Session, pending: Pending, session_secret: str | None, *, silent: bool
) -> str:
    browser_session = current_session(session, session_secret, now=authority.clock.now())
    if must_sign_in(pending, browser_session):
        if silent:
            raise OAuthRefused("login_required", "the person is not signed in")
        return _page("sign-in", pending)
    assert browser_session is not None, "whoever need not sign in has a session"
    if pending.own_page:
        return answered_with_own_page(authority, session, pending)
    user = session.get(User, browser_session.user_id)
    assert user is not None, "a session is somebody's"
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


def _page(name: str, pending: Pending) -> str:
    return f"/{name}?{urlencode({'request': pending.handle})}"


def _to(address: str) -> Response:
    # 303: after a form with a password, the browser must not post it on to the app.
    return RedirectResponse(address, 303, headers=NO_STORE)
