"""The one place that says what is still missing before a person is signed in. Pure.

It is asked after every step with what is known then, so that no order of pages leads around a step.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from bedside.auth.refusals import OAuthRefused
from bedside.auth.tables import Session as BrowserSession
from bedside.identity.acr import LEVELS, PHISHING_RESISTANT, TWO_FACTORS, level_of, reaches

Step = Literal["sign-in", "factor", "enrol"]
FRESH = timedelta(minutes=5)
"""So old may a factor be where one is asked for anew."""
_NOT_STAFF = frozenset({"patient", "proxy"})


@dataclass(frozen=True)
class Demands:
    """What the request asks beyond what everybody must show. `levels`: one of them must be reached."""

    signed_in_after: datetime | None = None
    session_before: str | None = None
    """The session that does not count, however young it is: the request wants another."""
    factor_after: datetime | None = None
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Holding:
    """What this person has, and what the installation asks of them."""

    factors: frozenset[str] = frozenset()
    """Kinds of what is enrolled: totp, passkey."""
    must_enrol: bool = False
    passkeys_work: bool = True
    """Whether browsers offer passkeys at this issuer at all."""


def missing(browser_session: BrowserSession | None, holding: Holding | None, demands: Demands) -> Step | None:
    """The next step, None when the person is signed in. `holding` is theirs whose session it is.

    Raises OAuthRefused unmet_authentication_requirements when no step leads there (RFC 9470).
    """
    if browser_session is None or holding is None or browser_session.id == demands.session_before:
        return "sign-in"
    if _older(browser_session.auth_time, demands.signed_in_after):
        return "sign-in"
    step = _to_two_factors(browser_session, holding) or _to_level(browser_session, holding, demands)
    if step is not None:
        return step
    if _older(browser_session.factor_at, demands.factor_after):
        return "factor" if holding.factors else "sign-in"
    return None


def must_enrol(roles: Collection[str], *, demo: bool) -> bool:
    """Staff and administrators must have a second factor, patients may; in demo mode nobody must."""
    return not demo and bool(frozenset(roles) - _NOT_STAFF)


def _to_two_factors(browser_session: BrowserSession, holding: Holding) -> Step | None:
    if reaches(_level(browser_session), TWO_FACTORS):
        return None
    if holding.factors:
        return "factor"
    return "enrol" if holding.must_enrol else None


def _to_level(browser_session: BrowserSession, holding: Holding, demands: Demands) -> Step | None:
    known = [level for level in LEVELS if level in demands.levels]
    if not known:
        if demands.levels:
            raise _unmet()
        return None
    lowest = known[0]
    if reaches(_level(browser_session), lowest):
        return None
    if lowest == PHISHING_RESISTANT and not holding.passkeys_work:
        raise _unmet()
    able = "passkey" in holding.factors if lowest == PHISHING_RESISTANT else bool(holding.factors)
    return "factor" if able else "enrol"


def _level(browser_session: BrowserSession) -> str:
    return level_of(browser_session.methods.split())


def _older(moment: datetime | None, after: datetime | None) -> bool:
    return after is not None and (moment is None or moment < after)


def _unmet() -> OAuthRefused:
    return OAuthRefused("unmet_authentication_requirements", "none of acr_values can be reached")
