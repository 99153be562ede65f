"""Whose account it is, and whether they have shown lately who they are."""

from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session
from starlette.responses import Response

from bedside.auth.authority import Authority
from bedside.auth.endpoints.next_step import next_step
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.own_pages import ask_for_own_page
from bedside.auth.sign_in.sessions import current_session
from bedside.auth.tables import Session as BrowserSession
from bedside.auth.tables import User

PATH = "/account"
FRESH = timedelta(minutes=10)
"""So old may a sign-in be by which one opens what decides about later sign-ins."""
TYPING = timedelta(minutes=10)
"""So much longer may what was opened in time be sent."""


@dataclass(frozen=True)
class Owner:
    user: User
    browser_session: BrowserSession
    csrf: str


def owner_of(
    authority: Authority,
    session: Session,
    browser: Browser,
    path: str,
    *,
    fresh: bool = False,
    sending: bool = False,
) -> Owner | Response:
    """Whoever is not signed in, or not `fresh` enough, is sent to sign in and comes back to `path`."""
    now = authority.clock.now()
    known = current_session(session, browser.session_secret, now=now)
    after = now - (FRESH + TYPING if sending else FRESH)
    if known is None or (fresh and known.auth_time < after):
        asked = ask_for_own_page(
            authority,
            session,
            path,
            browser=browser.name,
            signed_in_after=after if fresh else None,
        )
        return next_step(authority, session, asked, browser)
    # A form outlives neither session nor browser.
    return Owner(session.get_one(User, known.user_id), known, browser.proof(form_of(known)))


def form_of(browser_session: BrowserSession) -> str:
    return f"account {browser_session.id}"


def forged_by(browser: Browser, owner: Owner, proof: str | None) -> bool:
    return not browser.proves(proof, form_of(owner.browser_session))
