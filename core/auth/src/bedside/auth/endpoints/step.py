"""Whose turn it is at a page of the sign-in: nobody's who belongs to another page."""

from dataclasses import dataclass

from sqlmodel import Session
from starlette.responses import Response

from bedside.auth.authority import Authority
from bedside.auth.authorizing import Pending, pending_request
from bedside.auth.endpoints.next_step import next_step
from bedside.auth.endpoints.sign_in import too_late
from bedside.auth.refusals import OAuthRefused
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.completing import missing_step
from bedside.auth.sign_in.missing import Step
from bedside.auth.sign_in.sessions import started_session
from bedside.auth.tables import Session as BrowserSession
from bedside.auth.tables import User


@dataclass(frozen=True)
class At:
    pending: Pending
    browser_session: BrowserSession
    user: User


def at_step(authority: Authority, session: Session, browser: Browser, handle: str | None, step: Step) -> At | Response:
    """Who misses another step, or none, is sent where they belong: no order of pages leads around one."""
    pending = pending_request(authority, session, handle, browser=browser.name)
    if pending is None:
        return too_late()
    known = started_session(session, browser.session_secret, now=authority.clock.now())
    try:
        missed = missing_step(authority, session, pending, known)
    except OAuthRefused:
        return next_step(authority, session, pending, browser)
    if known is None or missed != step:
        return next_step(authority, session, pending, browser)
    return At(pending, known, session.get_one(User, known.user_id))
