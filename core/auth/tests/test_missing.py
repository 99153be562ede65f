"""What a sign-in still misses, by what was shown, what the person has and what the request asks."""

from datetime import UTC, datetime, timedelta

import pytest

from bedside.auth.refusals import OAuthRefused
from bedside.auth.sign_in.missing import Demands, Holding, missing, must_enrol
from bedside.auth.tables import Session as BrowserSession
from bedside.identity.acr import ONE_FACTOR, PHISHING_RESISTANT, TWO_FACTORS

NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
NOTHING = Holding()
STAFF = Holding(must_enrol=True)
APP = Holding(frozenset({"totp"}), must_enrol=True)
KEY = Holding(frozenset({"passkey"}), must_enrol=True)
ANYTHING = Demands()


def shown(methods: str, *, minutes_ago: int = 0, factor: bool = True) -> BrowserSession:
    at = NOW - timedelta(minutes=minutes_ago)
    return BrowserSession(
        id="s", user_id="u", methods=methods, auth_time=at, factor_at=at if factor else None, seen_at=NOW, ends_at=NOW
    )


def wants(*levels: str) -> Demands:
    return Demands(levels=levels)


@pytest.mark.parametrize(
    ("browser_session", "holding", "demands", "step"),
    [
        (None, None, ANYTHING, "sign-in"),
        (shown("pwd"), NOTHING, ANYTHING, None),
        (shown("pwd"), STAFF, ANYTHING, "enrol"),
        (shown("pwd"), APP, ANYTHING, "factor"),
        (shown("pwd"), Holding(frozenset({"totp"})), ANYTHING, "factor"),
        (shown("otp pwd"), APP, ANYTHING, None),
        (shown("hwk"), KEY, ANYTHING, None),
        # Without its password a code is one factor only.
        (shown("otp"), APP, ANYTHING, "factor"),
        (shown("pwd"), NOTHING, wants(ONE_FACTOR), None),
        (shown("pwd"), NOTHING, wants(TWO_FACTORS), "enrol"),
        (shown("pwd"), NOTHING, wants(TWO_FACTORS, ONE_FACTOR), None),
        (shown("otp pwd"), APP, wants(TWO_FACTORS), None),
        (shown("otp pwd"), APP, wants(PHISHING_RESISTANT), "enrol"),
        (shown("otp pwd"), KEY, wants(PHISHING_RESISTANT), "factor"),
        (shown("pwd swk"), KEY, wants(PHISHING_RESISTANT), None),
        (shown("pwd"), NOTHING, wants("unheard-of", ONE_FACTOR), None),
        (shown("otp pwd", minutes_ago=5), APP, Demands(signed_in_after=NOW), "sign-in"),
        (shown("otp pwd"), APP, Demands(signed_in_after=NOW), None),
        (shown("otp pwd"), APP, Demands(session_before="s"), "sign-in"),
        (shown("otp pwd"), APP, Demands(session_before="another"), None),
        (shown("otp pwd", minutes_ago=5), APP, Demands(factor_after=NOW), "factor"),
        (shown("pwd", minutes_ago=5), NOTHING, Demands(factor_after=NOW), "sign-in"),
        (shown("pwd", factor=False), NOTHING, Demands(factor_after=NOW), "sign-in"),
    ],
)
def test_the_next_step_follows_from_what_is_known(
    browser_session: BrowserSession | None, holding: Holding | None, demands: Demands, step: str | None
) -> None:
    assert missing(browser_session, holding, demands) == step


@pytest.mark.parametrize(
    ("holding", "demands"),
    [
        (APP, wants("unheard-of")),
        (Holding(frozenset({"totp"}), passkeys_work=False), wants(PHISHING_RESISTANT)),
    ],
)
def test_what_no_step_leads_to_is_refused(holding: Holding, demands: Demands) -> None:
    with pytest.raises(OAuthRefused) as refused:
        missing(shown("otp pwd" if holding.factors else "pwd"), holding, demands)
    assert refused.value.error == "unmet_authentication_requirements"


@pytest.mark.parametrize(
    ("roles", "demo", "must"),
    [
        ({"physician"}, False, True),
        ({"admin"}, False, True),
        ({"patient", "nurse"}, False, True),
        ({"patient"}, False, False),
        ({"proxy", "patient"}, False, False),
        (set(), False, False),
        ({"admin"}, True, False),
    ],
)
def test_staff_must_enrol_and_patients_may(roles: set[str], demo: bool, must: bool) -> None:
    assert must_enrol(roles, demo=demo) is must
