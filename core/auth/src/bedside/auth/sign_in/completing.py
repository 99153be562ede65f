"""From the steps that were taken to a person who is signed in."""

from sqlmodel import Session, col, select

from bedside.auth.access_log import Happening, record
from bedside.auth.authority import Authority
from bedside.auth.authorizing import Pending
from bedside.auth.directory import roles_of
from bedside.auth.refusals import OAuthRefused
from bedside.auth.sign_in.browser import Browser
from bedside.auth.sign_in.missing import Demands, Holding, Step, missing, must_enrol
from bedside.auth.sign_in.sessions import current_session, renewed
from bedside.auth.tables import Credential, User
from bedside.auth.tables import Session as BrowserSession
from bedside.identity.acr import LEVELS, PHISHING_RESISTANT, level_of

FACTORS = ("totp", "passkey")


def missing_step(
    authority: Authority, session: Session, pending: Pending, browser_session: BrowserSession | None
) -> Step | None:
    """Raises OAuthRefused unmet_authentication_requirements."""
    user = session.get(User, browser_session.user_id) if browser_session is not None else None
    holding = holding_of(authority, session, user) if user is not None else None
    return missing(browser_session, holding, _demands(pending))


def signed_in_for(authority: Authority, session: Session, pending: Pending, browser: Browser) -> BrowserSession | None:
    """The session of somebody who misses no step of this request; None: `next_step` knows where they belong."""
    known = current_session(session, browser.session_secret, now=authority.clock.now())
    try:
        return known if known is not None and missing_step(authority, session, pending, known) is None else None
    except OAuthRefused:
        return None


def completed(authority: Authority, session: Session, browser_session: BrowserSession, browser: Browser) -> None:
    """Nothing is missing: the session is one now, under a new secret. Safe to repeat."""
    if browser_session.completed_at is not None:
        return
    now = authority.clock.now()
    browser_session.completed_at = now
    # Who has no second factor showed all there is.
    browser_session.factor_at = browser_session.factor_at or now
    browser.renew(renewed(session, browser_session))
    level = level_of(browser_session.methods.split())
    record(
        authority,
        session,
        Happening(
            "sign-in",
            user_id=browser_session.user_id,
            entity=f"Session/{browser_session.id}",
            detail={"methods": browser_session.methods, "level": level},
        ),
    )


def must_be_passkey(pending: Pending) -> bool:
    """Whether the request is content with nothing less."""
    known = [level for level in LEVELS if level in _demands(pending).levels]
    return known[:1] == [PHISHING_RESISTANT]


def holding_of(authority: Authority, session: Session, user: User) -> Holding:
    roles = roles_of(session, user, now=authority.clock.now())
    return Holding(
        factors=factors_of(session, user),
        must_enrol=must_enrol(roles, demo=authority.installation.demo),
        passkeys_work=authority.installation.passkey_host is not None,
    )


def factors_of(session: Session, user: User) -> frozenset[str]:
    """The kinds of second factor that are enrolled and proven."""
    return frozenset(factor.kind for factor in confirmed_factors(session, user))


def confirmed_factors(session: Session, user: User) -> list[Credential]:
    """Those that let this person in, oldest first; recovery codes are none."""
    confirmed = select(Credential).where(
        Credential.user_id == user.id, col(Credential.kind).in_(FACTORS), col(Credential.confirmed_at).is_not(None)
    )
    return list(session.exec(confirmed.order_by(col(Credential.created_at), col(Credential.id))).all())


def _demands(pending: Pending) -> Demands:
    row = pending.row
    return Demands(row.signed_in_after, row.session_before, row.factor_after, tuple((row.acr_values or "").split()))
