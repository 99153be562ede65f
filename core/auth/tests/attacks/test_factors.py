"""Attacks on second factors and on the session that a sign-in leads to."""

import asyncio
from typing import Any

import jwt as pyjwt
import pytest
from sqlmodel import select

from bedside.auth.tables import AuditEvent
from bedside.identity.acr import ONE_FACTOR, TWO_FACTORS
from core.auth.tests.factors import app_of, enrol, follow, hidden, sign_in_again

SESSION = "bedside-auth"
WRONG = "That code is not right"


@pytest.fixture
def demo() -> bool:
    return False


def claims(token: str) -> dict[str, Any]:
    told: dict[str, Any] = pyjwt.decode(token, options={"verify_signature": False})
    return told


def reasons(authority: Any) -> list[str]:
    with authority.units.reading() as session:
        rows = session.exec(
            select(AuditEvent).where(AuditEvent.outcome == "refused").order_by(AuditEvent.recorded_at)
        ).all()
        return [row.detail["reason"] for row in rows]


async def test_attack_29_acr_values_renew_auth_time(flow: Any, clock: Any, told: Any) -> None:
    before = claims((await flow.tokens("patient", scope="openid"))["access_token"])
    clock.advance(seconds=5)
    # The twin: where nothing more is asked, the sign-in of before counts.
    same = (await flow.redeem(told(await flow.authorize(scope="openid"))["code"])).json()
    assert claims(same["access_token"])["auth_time"] == before["auth_time"]
    page = await follow(flow, await flow.authorize(scope="openid", acr_values=TWO_FACTORS))
    shown = await flow.submit(page, "/enrol", otp=app_of(page, clock).code())
    answer = await flow.browser.get("/factor", params=hidden(shown))
    after = claims((await flow.redeem(told(answer)["code"])).json()["access_token"])
    assert (before["acr"], after["acr"]) == (ONE_FACTOR, TWO_FACTORS)
    assert after["auth_time"] >= before["auth_time"] + 5


async def test_attack_52_the_session_has_another_secret_after_each_step(flow: Any, clock: Any) -> None:
    """Who has fixed or seen the cookie of one step holds nothing after the next."""
    _put_session(flow, "chosen by an attacker")
    page = await follow(flow, await flow.sign_in())
    by_password = _session(flow)
    shown = await flow.submit(page, "/enrol", otp=app_of(page, clock).code())
    by_factor = _session(flow)
    await flow.browser.get("/factor", params=hidden(shown))
    signed_in = _session(flow)
    assert len({"chosen by an attacker", by_password, by_factor, signed_in}) == 4
    assert (await flow.authorize()).headers["location"].startswith("http://127.0.0.1:8000/callback?code=")
    for old in ("chosen by an attacker", by_password, by_factor):
        _put_session(flow, old)
        assert (await flow.authorize()).headers["location"].startswith("/sign-in")


async def test_attack_58_a_code_that_was_used_is_good_no_second_time(flow: Any, clock: Any, authority: Any) -> None:
    app = (await enrol(flow, clock)).app
    code = app.next_code()
    first = await flow.submit(await sign_in_again(flow, clock), "/factor", otp=code)
    assert first.status_code == 303
    second = await flow.submit(await sign_in_again(flow, clock), "/factor", otp=code)
    assert (second.status_code, WRONG in second.text) == (401, True)
    assert reasons(authority) == ["code"]


async def test_attack_58_nor_is_one_from_before_it(flow: Any, clock: Any) -> None:
    app = (await enrol(flow, clock)).app
    earlier, code = app.next_code(), app.next_code()
    assert (await flow.submit(await sign_in_again(flow, clock), "/factor", otp=code)).status_code == 303
    assert (await flow.submit(await sign_in_again(flow, clock), "/factor", otp=earlier)).status_code == 401


async def test_attack_58_one_code_brought_by_several_at_once_lets_one_in(flow: Any, clock: Any) -> None:
    app = (await enrol(flow, clock)).app
    page, code = await sign_in_again(flow, clock), app.next_code()
    answers = await asyncio.gather(*(flow.submit(page, "/factor", otp=code) for _ in range(4)))
    assert [answer.headers["location"].startswith("http") for answer in answers if answer.status_code == 303].count(
        True
    ) == 1


async def test_attack_58_after_five_tries_the_sign_in_is_over(flow: Any, clock: Any, authority: Any) -> None:
    app = (await enrol(flow, clock)).app
    page = await sign_in_again(flow, clock)
    answers = [await flow.submit(page, "/factor", otp=app.wrong_code()) for _ in range(5)]
    assert [WRONG in answer.text for answer in answers] == [True] * 4 + [False]
    assert "Too many wrong codes" in answers[-1].text
    right = await flow.submit(page, "/factor", otp=app.next_code())
    assert right.headers["location"].startswith("/sign-in")
    assert reasons(authority) == ["code"] * 4 + ["tries"]
    # The twin: after the wait, with the password again, the next code is good.
    clock.advance(minutes=6)
    assert (await flow.submit(await sign_in_again(flow, clock), "/factor", otp=app.next_code())).status_code == 303


async def test_attack_58_new_sign_ins_give_no_new_guesses(flow: Any, clock: Any, authority: Any) -> None:
    """Whoever has the password could otherwise guess five times with each sign-in."""
    app = (await enrol(flow, clock)).app
    for _ in range(2):
        page = await sign_in_again(flow, clock)
        for _ in range(4):
            await flow.submit(page, "/factor", otp=app.wrong_code())
    clock.advance(seconds=1)
    waiting = await flow.submit(await sign_in_again(flow, clock), "/factor", otp=app.code(seconds=30))
    assert (waiting.status_code, WRONG in waiting.text) == (401, True)
    assert reasons(authority)[-1] == "waiting"
    clock.advance(minutes=6)
    assert (await flow.submit(await sign_in_again(flow, clock), "/factor", otp=app.next_code())).status_code == 303


async def test_attack_58_no_order_of_pages_leads_around_the_step(flow: Any, clock: Any) -> None:
    """With the password alone, every other door leads back to the factor."""
    app = (await enrol(flow, clock)).app
    page = await sign_in_again(flow, clock)
    handle = str(page.url.params["request"])
    for path in ("/consent", "/patient", "/enrol", "/sign-in"):
        answer = await flow.browser.get(path, params={"request": handle})
        led = answer.headers.get("location", "/sign-in shows its form" if path == "/sign-in" else "")
        assert led.startswith(("/factor", "/sign-in")), path
    assert (await flow.authorize()).headers["location"].startswith("/factor")
    assert "login_required" in (await flow.authorize(prompt="none")).headers["location"]
    assert (await flow.browser.get("/account/password")).headers["location"].startswith("/factor")
    assert (await flow.browser.get("/admin")).headers["location"].startswith(("/sign-in", "/factor"))
    enrolling = await flow.submit(page, "/enrol", otp=app.next_code())
    assert enrolling.headers["location"].startswith("/factor")
    # The twin: the step itself leads on.
    assert (await flow.submit(page, "/factor", otp=app.next_code())).headers["location"].startswith("http")


async def test_attack_58_without_the_password_no_code_is_looked_at(flow: Any, clock: Any) -> None:
    app = (await enrol(flow, clock)).app
    flow.browser.cookies.clear()
    page = await flow.sign_in_page()
    answer = await flow.submit(page, "/factor", otp=app.next_code())
    assert answer.headers["location"].startswith("/sign-in")


async def test_attack_58_a_recovery_code_is_good_once(flow: Any, clock: Any, authority: Any) -> None:
    enrolled = await enrol(flow, clock)
    assert len(set(enrolled.recovery_codes)) == 10
    code = enrolled.recovery_codes[3]
    first = await flow.submit(await sign_in_again(flow, clock), "/factor", otp=code)
    assert first.headers["location"].startswith("http")
    second = await flow.submit(await sign_in_again(flow, clock), "/factor", otp=code)
    assert (second.status_code, WRONG in second.text) == (401, True)
    assert reasons(authority) == ["code"]
    other = await flow.submit(await sign_in_again(flow, clock), "/factor", otp=enrolled.recovery_codes[4])
    assert other.headers["location"].startswith("http")


async def test_attack_58_a_recovery_code_is_its_owners(flow: Any, clock: Any) -> None:
    codes = (await enrol(flow, clock, "frontdesk", scope="openid")).recovery_codes
    flow.browser.cookies.clear()
    await enrol(flow, clock, "physician")
    page = await sign_in_again(flow, clock, "physician")
    assert (await flow.submit(page, "/factor", otp=codes[0])).status_code == 401
    page = await sign_in_again(flow, clock, "frontdesk", scope="openid")
    assert (await flow.submit(page, "/factor", otp=codes[0])).headers["location"].startswith("http")


@pytest.mark.parametrize("path", ["/factor", "/enrol"])
async def test_attack_51_a_forged_code_is_not_looked_at(flow: Any, clock: Any, path: str) -> None:
    page = await follow(flow, await flow.sign_in())
    forged = await flow.browser.post(path, data={"request": page.url.params["request"], "csrf": "x", "otp": "1"})
    assert (forged.status_code, "did not come from the page" in forged.text) == (403, True)


def _session(flow: Any) -> str:
    return str(flow.browser.cookies.get(SESSION, domain="127.0.0.1"))


def _put_session(flow: Any, secret: str) -> None:
    flow.browser.cookies.delete(SESSION)
    flow.browser.cookies.set(SESSION, secret, domain="127.0.0.1", path="/")
