"""Authenticator apps and recovery codes: who needs one, how it is set up, and what showing it is worth."""

import re
from typing import Any

import jwt as pyjwt
import pytest
from sqlmodel import select

from bedside.auth.sign_in.completing import factors_of
from bedside.auth.tables import AuditEvent, Credential, User
from core.auth.tests.factors import app_of, enrol, follow, sign_in_again


@pytest.fixture
def demo() -> bool:
    return False


def claims(token: str) -> dict[str, Any]:
    told: dict[str, Any] = pyjwt.decode(token, options={"verify_signature": False})
    return told


@pytest.mark.parametrize("username", ["physician", "frontdesk", "admin"])
async def test_staff_without_a_second_factor_set_one_up_before_anything_else(
    flow: Any, clock: Any, told: Any, username: str
) -> None:
    enrolled = await enrol(flow, clock, username)
    tokens = (await flow.redeem(told(enrolled.answer)["code"])).json()
    about = claims(tokens["access_token"])
    assert (about["acr"], about["amr"]) == ("urn:bedside:acr:two-factors", ["mfa", "otp", "pwd"])


async def test_a_patient_signs_in_by_password(flow: Any, told: Any) -> None:
    tokens = await flow.tokens("patient", scope="openid")
    assert claims(tokens["access_token"])["acr"] == "urn:bedside:acr:one-factor"


async def test_an_app_may_ask_that_a_patient_shows_two_factors(flow: Any, clock: Any, told: Any) -> None:
    level = "urn:bedside:acr:two-factors"
    enrolled = await enrol(flow, clock, "patient", scope="openid", acr_values=level)
    tokens = (await flow.redeem(told(enrolled.answer)["code"])).json()
    assert claims(tokens["access_token"])["acr"] == level


async def test_who_has_a_factor_shows_it_at_each_sign_in(flow: Any, clock: Any, told: Any) -> None:
    app = (await enrol(flow, clock)).app
    page = await sign_in_again(flow, clock)
    assert "Your second step" in page.text
    assert "code" in told(await flow.submit(page, "/factor", otp=app.next_code()))


@pytest.mark.parametrize("spelling", ["{0}{1}", "{0} {1}", " {0}-{1} "])
async def test_a_code_may_be_typed_as_the_telephone_shows_it(flow: Any, clock: Any, told: Any, spelling: str) -> None:
    app = (await enrol(flow, clock)).app
    page = await sign_in_again(flow, clock)
    code = app.next_code()
    assert "code" in told(await flow.submit(page, "/factor", otp=spelling.format(code[:3], code[3:])))


@pytest.mark.parametrize(("seconds", "taken"), [(-60, False), (-30, True), (30, True), (90, False)])
async def test_a_clock_may_be_half_a_minute_off(flow: Any, clock: Any, seconds: int, taken: bool) -> None:
    app = (await enrol(flow, clock)).app
    clock.advance(minutes=5)
    page = await sign_in_again(flow, clock)
    answer = await flow.submit(page, "/factor", otp=app.code(seconds=seconds))
    assert (answer.status_code == 303) is taken


@pytest.mark.parametrize("typed", ["", "abc", "١٢٣٤٥٦", "0" * 10_000, "'; DROP TABLE credential; --"])
async def test_whatever_else_is_typed_is_a_wrong_code(flow: Any, clock: Any, typed: str) -> None:
    await enrol(flow, clock)
    answer = await flow.submit(await sign_in_again(flow, clock), "/factor", otp=typed)
    assert (answer.status_code, "That code is not right" in answer.text) == (401, True)


async def test_the_same_picture_is_shown_until_it_is_confirmed(flow: Any, clock: Any, server: Any) -> None:
    page = await follow(flow, await flow.sign_in())
    wrong = await flow.submit(page, "/enrol", otp=app_of(page, clock).wrong_code())
    assert (wrong.status_code, app_of(wrong, clock).secret) == (401, app_of(page, clock).secret)
    clock.advance(minutes=31)
    later = await follow(flow, await flow.sign_in())
    assert app_of(later, clock).secret != app_of(page, clock).secret


async def test_what_is_not_confirmed_does_not_count(flow: Any, clock: Any, authority: Any) -> None:
    await follow(flow, await flow.sign_in())
    with authority.units.reading() as session:
        user = session.exec(select(User).where(User.username == "physician")).one()
        assert factors_of(session, user) == frozenset()
    assert "Set up a second step" in (await sign_in_again(flow, clock)).text


async def test_neither_secrets_nor_codes_are_kept_or_logged_in_the_clear(flow: Any, clock: Any, authority: Any) -> None:
    enrolled = await enrol(flow, clock)
    with authority.units.reading() as session:
        kept = [repr(row.model_dump()) for row in session.exec(select(Credential)).all()]
        logged = [repr(row.model_dump()) for row in session.exec(select(AuditEvent)).all()]
    assert len(kept) == 11
    for secret in (enrolled.app.secret, *(code.replace(" ", "") for code in enrolled.recovery_codes)):
        assert not any(secret in row for row in (*kept, *logged))


async def test_enrolment_and_what_is_shown_are_told_to_the_log(flow: Any, clock: Any, authority: Any) -> None:
    app = (await enrol(flow, clock)).app
    page = await sign_in_again(flow, clock)
    await flow.submit(page, "/factor", otp=app.wrong_code())
    await flow.submit(page, "/factor", otp=app.next_code())
    with authority.units.reading() as session:
        rows = session.exec(select(AuditEvent).order_by(AuditEvent.recorded_at)).all()
    told = [(row.action, row.outcome, row.detail.get("kind") or row.detail.get("reason")) for row in rows]
    factors = [each for each in told if each[2] in ("totp", "code")]
    assert factors == [
        ("factor-enrolled", "success", "totp"),
        ("sign-in", "refused", "code"),
        ("factor-shown", "success", "totp"),
    ]


async def test_the_picture_needs_no_script_style_or_request(flow: Any, clock: Any) -> None:
    page = await follow(flow, await flow.sign_in())
    assert re.search(r"<svg[^>]* class=\"qr\"", page.text)
    assert [word for word in ("<script", "style=", "<img") if word in page.text] == []
    assert "script-src" not in page.headers["content-security-policy"]
