"""Who is looking at the console, and whether they may."""

from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session

from bedside.auth.authority import Authority
from bedside.auth.directory import roles_of
from bedside.auth.endpoints.end_session import FORM
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.sessions import current_session
from bedside.auth.tables import Session as BrowserSession
from bedside.auth.tables import User
from bedside.identity.roles import ceiling

FRESH = timedelta(minutes=10)
"""How long after showing who one is one may open what is hard to undo."""
TYPING = timedelta(minutes=10)
"""How much longer what was opened in time may be sent: whoever fills in a form does not lose it."""


@dataclass(frozen=True)
class Visitor:
    user: User
    browser_session: BrowserSession
    words: frozenset[str]
    """The scope words of the roles held now: what opens pages."""
    csrf: str
    sign_out_proof: str


def visitor_of(authority: Authority, session: Session, browser: Browser) -> Visitor | None:
    """None unless somebody is signed in. Looking keeps the session alive."""
    now = authority.clock.now()
    browser_session = current_session(session, browser.session_secret, now=now)
    if browser_session is None:
        return None
    user = session.get_one(User, browser_session.user_id)
    words = ceiling(frozenset(roles_of(session, user, now=now))).words
    return Visitor(user, browser_session, words, browser.proof(form_of(browser_session)), browser.proof(FORM))


def form_of(browser_session: BrowserSession) -> str:
    """What every form of the console is about, for its proof: a form outlives neither session nor browser."""
    return f"console {browser_session.id}"


def is_fresh(authority: Authority, visitor: Visitor, *, sending: bool) -> bool:
    life = FRESH + TYPING if sending else FRESH
    return visitor.browser_session.auth_time > authority.clock.now() - life
