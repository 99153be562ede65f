"""Attacks on passwords: guessing and locking out (56), finding out who exists (57), links (60), floods (61)."""

import asyncio
import re
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from sqlmodel import select

from bedside.auth.app import application
from bedside.auth.directory import Actor, deactivate, make_password_link, reactivate, user_named
from bedside.auth.directory.passwords import LIVES
from bedside.auth.endpoints.password import link_to
from bedside.auth.sign_in import lockout
from bedside.auth.sign_in.passwords import AT_ONCE, Passwords
from bedside.auth.tables import Attempt, AuditEvent, PasswordLink

PASSWORD = "correct horse battery staple"
NEW = "violet kettle under winter moss"
WRONG = "That username and password do not go together"


async def stranger(flow: Any, username: str, password: str = "wrong") -> httpx.Response:
    """Signs in from a browser that nobody has signed in with."""
    flow.browser.cookies.clear()
    answer: httpx.Response = await flow.sign_in(username, password)
    return answer


def told(authority: Any, action: str) -> list[tuple[str, str | None]]:
    """Outcome and reason of everything of that kind that was told to the access log."""
    with authority.units.reading() as session:
        rows = session.exec(
            select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.recorded_at)
        ).all()
    return [(row.outcome, row.detail.get("reason")) for row in rows]


# 56


async def test_attack_56_a_guessed_account_waits_longer_and_longer_and_never_for_good(
    flow: Any, authority: Any, clock: Any
) -> None:
    for _ in range(5):
        wrong = await stranger(flow, "physician")
    locked = await stranger(flow, "physician", PASSWORD)
    assert (locked.status_code, WRONG in locked.text) == (wrong.status_code, True) == (401, True)
    assert told(authority, "sign-in")[-2:] == [("refused", "password"), ("refused", "waiting")]
    # While it waits, nothing is counted: the wait ends when it was going to.
    clock.advance(seconds=2)
    waited = await stranger(flow, "physician")
    assert told(authority, "sign-in")[-1] == ("refused", "password")
    clock.advance(seconds=3)
    assert (await stranger(flow, "physician", PASSWORD)).text.count(WRONG) == waited.text.count(WRONG) == 1
    # The twin: four seconds after the sixth failure the right password is right.
    clock.advance(seconds=2)
    assert (await stranger(flow, "physician", PASSWORD)).status_code == 303


async def test_attack_56_the_longest_wait_is_five_minutes(flow: Any, authority: Any, clock: Any) -> None:
    await stranger(flow, "physician")
    with authority.units.unit() as session:
        session.exec(select(Attempt)).one().failures = 10_000
    await stranger(flow, "physician")
    clock.advance(minutes=4, seconds=59)
    assert (await stranger(flow, "physician", PASSWORD)).status_code == 401
    clock.advance(seconds=2)
    assert (await stranger(flow, "physician", PASSWORD)).status_code == 303


async def test_attack_56_whoever_keeps_an_account_waiting_does_not_keep_its_person_out(
    flow: Any, server: Any, clock: Any
) -> None:
    """A stranger tries again the moment that the wait is over, for ever."""
    assert (await flow.sign_in("physician")).status_code == 303
    own = dict(server.cookies)
    for _ in range(30):
        clock.advance(minutes=5, seconds=1)
        assert (await stranger(flow, "physician")).status_code == 401
    assert (await stranger(flow, "physician", PASSWORD)).status_code == 401
    server.cookies.update(own)
    page = await flow.sign_in_page(prompt="login")
    assert (await flow.submit(page, username="physician", password=PASSWORD)).status_code == 303


async def test_attack_56_a_known_browser_waits_too_when_it_guesses(flow: Any) -> None:
    """Ward browsers are known to many accounts: each counts for itself, and only for those who signed in there."""
    for username in ("physician", "frontdesk"):
        assert (await flow.sign_in(username, prompt="login")).status_code == 303
    page = await flow.sign_in_page(prompt="login")
    for _ in range(5):
        assert (await flow.submit(page, username="physician", password="wrong")).status_code == 401
    assert (await flow.submit(page, username="physician", password=PASSWORD)).status_code == 401
    # The twin: the others who use that browser do not wait.
    assert (await flow.submit(page, username="frontdesk", password=PASSWORD)).status_code == 303


async def test_attack_56_many_guesses_at_once_are_counted_each(flow: Any, authority: Any) -> None:
    page = await flow.sign_in_page()
    guesses = [flow.submit(page, username="physician", password=f"guess {n}") for n in range(12)]
    assert {guess.status_code for guess in await asyncio.gather(*guesses)} == {401}
    assert sorted(told(authority, "sign-in")) == sorted([("refused", "password")] * 5 + [("refused", "waiting")] * 7)
    assert (await flow.submit(page, username="physician", password=PASSWORD)).status_code == 401


@pytest.fixture
def small_budget(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(lockout, "ADDRESS_FAILURES_MAX", 6)
    return 6


async def test_attack_56_one_address_tries_many_names_only_so_often(
    flow: Any, server: Any, clock: Any, small_budget: int
) -> None:
    assert (await flow.sign_in("frontdesk")).status_code == 303
    own = dict(server.cookies)
    for number in range(small_budget):
        assert (await stranger(flow, f"name{number}")).status_code == 401
    for password in ("wrong", PASSWORD):
        refused = await stranger(flow, "physician", password)
        assert (refused.status_code, "too many wrong sign-ins from your network" in refused.text) == (429, True)
    # The twins: a browser that was signed in with before, and everybody ten minutes later.
    server.cookies.update(own)
    page = await flow.sign_in_page(prompt="login")
    assert (await flow.submit(page, username="frontdesk", password=PASSWORD)).status_code == 303
    clock.advance(minutes=10)
    assert (await stranger(flow, "physician", PASSWORD)).status_code == 303


async def test_attack_56_only_failures_are_charged_and_a_success_gives_no_more_than_its_own_back(
    flow: Any, small_budget: int
) -> None:
    for _ in range(small_budget + 2):
        assert (await stranger(flow, "physician", PASSWORD)).status_code == 303
    for number in range(small_budget - 1):
        assert (await stranger(flow, f"name{number}")).status_code == 401
    assert (await stranger(flow, "physician", PASSWORD)).status_code == 303
    assert (await stranger(flow, "name")).status_code == 401
    assert (await stranger(flow, "name")).status_code == 429


async def test_attack_56_nobody_says_for_which_address_they_try_unless_they_are_trusted_to(
    flow: Any, authority: Any, small_budget: int
) -> None:
    trusting = replace(authority, installation=replace(authority.installation, proxies=(ip_network("127.0.0.1/32"),)))
    for server, last in ((authority, 429), (trusting, 401)):
        transport = httpx.ASGITransport(application(server))
        async with httpx.AsyncClient(transport=transport, base_url=authority.installation.issuer) as browser:
            walking = replace(flow, browser=browser)
            for number in range(small_budget + 1):
                browser.headers["x-forwarded-for"] = f"198.51.100.{number}"
                answer = await stranger(walking, f"name{number}")
        assert answer.status_code == last


# 57


@pytest.fixture
def everybody(authority: Any) -> dict[str, str]:
    """Names of every kind, and what is right to type for none of them."""
    with authority.units.unit() as session:
        deactivate(authority, session, Actor.operator(), user_named(session, "frontdesk"))
        user_named(session, "patient").password_hash = ""
    return {"known": "physician", "inactive": "frontdesk", "invited": "patient", "unknown": "nobody"}


async def test_attack_57_names_that_exist_are_not_told_from_others(
    flow: Any, authority: Any, everybody: dict[str, str], monkeypatch: Any
) -> None:
    checked: list[str] = []
    real = Passwords.fits_now
    monkeypatch.setattr(Passwords, "fits_now", lambda self, *given: checked.append(given[1]) or real(self, *given))
    answers = {}
    for kind, username in everybody.items():
        answer = await stranger(flow, username, "wrong")
        text = re.sub(r'value="[^"]*"', "", answer.text)
        # As much work for each: one hash of the same cost, over a password that is not empty.
        answers[kind] = (answer.status_code, text, len(checked), {hash_[:30] for hash_ in checked})
        checked.clear()
    assert answers["known"][0::2] == (401, 1)
    assert answers["inactive"] == answers["invited"] == answers["unknown"] == answers["known"]
    # The twin: who may is told so, and the log knows what nobody was told.
    assert (await stranger(flow, "physician", PASSWORD)).status_code == 303
    reasons = [reason for outcome, reason in told(authority, "sign-in") if outcome == "refused"]
    assert reasons == ["password", "inactive", "password", "unknown"]


async def test_attack_57_asking_for_a_new_password_tells_nothing(
    server: Any, flow: Any, authority: Any, everybody: dict[str, str]
) -> None:
    answers = set()
    for username in everybody.values():
        page = await server.get("/password/forgotten")
        answer = await flow.submit(page, "/password/forgotten", username=username)
        answers.add((answer.status_code, answer.text))
    [(status, text)] = answers
    assert (status, "If there is an account of that name" in text) == (200, True)
    assert len(told(authority, "password-link-asked")) == len(everybody)


async def test_attack_57_asking_is_charged_to_the_address(flow: Any, server: Any, small_budget: int) -> None:
    page = await server.get("/password/forgotten")
    answers = [
        (await flow.submit(page, "/password/forgotten", username=f"name{n}")).status_code
        for n in range(small_budget + 1)
    ]
    assert answers == [200] * small_budget + [429]


# 60


def link(authority: Any, username: str = "physician") -> str:
    """As an administrator is shown it, without its origin."""
    with authority.units.unit() as session:
        secret = make_password_link(authority, session, Actor.operator(), user_named(session, username))
    return link_to(authority, secret).removeprefix(authority.installation.issuer)


async def opened(flow: Any, path: str) -> Any:
    led_on = await flow.browser.get(path)
    assert (led_on.status_code, led_on.headers["location"]) == (303, "/password")
    return await flow.browser.get("/password")


async def choose(flow: Any, page: Any, password: str = NEW, **changed: str) -> Any:
    return await flow.submit(page, "/password", **{"password": password, "again": password} | changed)


def used_up(answer: Any) -> bool:
    return (answer.status_code, "This link is good no longer" in answer.text) == (400, True)


async def test_attack_60_a_link_sets_one_password_and_ends_every_session(flow: Any, authority: Any) -> None:
    theirs = await flow.tokens(scope="openid offline_access user/*.rs")
    path = link(authority)
    flow.browser.cookies.clear()
    page = await opened(flow, path)
    assert "Your password is set" in (await choose(flow, page)).text
    assert (await flow.browser.get(path)).status_code == 303
    assert used_up(await choose(flow, page, PASSWORD))
    assert used_up(await flow.browser.get("/password"))
    refused = await flow.refresh(theirs["refresh_token"])
    assert refused.json()["error"] == "invalid_grant"
    bearer = {"Authorization": f"Bearer {theirs['access_token']}"}
    assert (await flow.browser.get("/userinfo", headers=bearer)).status_code == 401
    # The twin.
    assert (await stranger(flow, "physician", PASSWORD)).status_code == 401
    assert (await stranger(flow, "physician", NEW)).status_code == 303
    with authority.units.reading() as session:
        rows = session.exec(select(AuditEvent).where(AuditEvent.action == "password-set")).all()
    assert [(row.detail["via"], row.entity, row.user_id == row.entity.removeprefix("User/")) for row in rows] == [
        ("link", rows[0].entity, True)
    ]


async def test_attack_60_two_who_use_a_link_at_once_set_one_password(flow: Any, authority: Any) -> None:
    page = await opened(flow, link(authority))
    passwords = [NEW, f"{NEW} two"]
    answers = await asyncio.gather(*(choose(flow, page, password) for password in passwords))
    assert sorted(answer.status_code for answer in answers) == [200, 400]
    signed_in = [(await stranger(flow, "physician", password)).status_code for password in passwords]
    assert [status == 303 for status in signed_in] == [answer.status_code == 200 for answer in answers]


@pytest.mark.parametrize("kind", ["reset", "invitation"])
async def test_attack_60_a_link_grows_old(flow: Any, authority: Any, clock: Any, kind: str) -> None:
    assert {kind: life.total_seconds() for kind, life in LIVES.items()} == {"reset": 900, "invitation": 259_200}
    if kind == "invitation":
        with authority.units.unit() as session:
            user_named(session, "physician").password_hash = ""
    early = link(authority)
    clock.advance(seconds=LIVES[kind].total_seconds() - 1)
    page = await opened(flow, early)
    assert page.status_code == 200
    clock.advance(seconds=1)
    assert used_up(await choose(flow, page))
    # The twin.
    assert (await choose(flow, await opened(flow, link(authority)))).status_code == 200


@pytest.mark.parametrize("by", ["newer-link", "disabled", "reactivated", "changed"])
async def test_attack_60_a_link_is_over_when_something_took_its_place(flow: Any, authority: Any, by: str) -> None:
    path = link(authority)
    page = await opened(flow, path)
    if by == "newer-link":
        newer = link(authority)
    elif by == "changed":
        other = await opened(flow, link(authority))
        assert (await choose(flow, other)).status_code == 200
    else:
        with authority.units.unit() as session:
            user = user_named(session, "physician")
            deactivate(authority, session, Actor.operator(), user)
            if by == "reactivated":
                reactivate(authority, session, Actor.operator(), user)
    led = await flow.browser.get(path)
    assert led.status_code == 303
    assert used_up(await choose(flow, page))
    if by == "newer-link":
        # The twin.
        assert (await choose(flow, await opened(flow, newer))).status_code == 200


@pytest.mark.parametrize("secret", ["", "x", "A" * 43, "A" * 101, "../../admin", "%00", "é", "A" * 43 + "\n"])
async def test_attack_60_what_is_no_link_sets_nothing(flow: Any, secret: str) -> None:
    led_on = await flow.browser.get("/password", params={"link": secret})
    if led_on.status_code == 303:
        led_on = await flow.browser.get("/password")
    assert used_up(led_on)
    assert (await flow.browser.post("/password", data={"csrf": "0" * 64, "password": NEW})).status_code == 403


async def test_attack_60_the_secret_of_a_link_stays_in_no_address_page_or_table(flow: Any, authority: Any) -> None:
    path = link(authority)
    secret = path.partition("=")[2]
    assert len(secret) == 43
    led_on = await flow.browser.get(path)
    assert (led_on.headers["location"], led_on.headers["referrer-policy"]) == ("/password", "no-referrer")
    cookie = next(each for each in led_on.headers.get_list("set-cookie") if secret in each)
    assert {"httponly", "samesite=lax", "max-age=900"} <= {part.strip().lower() for part in cookie.split(";")}
    page = await flow.browser.get("/password")
    assert secret not in page.text
    answer = await choose(flow, page)
    assert 'bedside-auth-link=""' in answer.headers["set-cookie"]
    with authority.units.reading() as session:
        assert secret not in session.exec(select(PasswordLink)).one().model_dump_json()
        assert not [row for row in session.exec(select(AuditEvent)) if secret in row.model_dump_json()]


async def test_attack_60_another_browser_cannot_send_the_form(flow: Any, authority: Any) -> None:
    """The secret of a link that leaked without the page it led to."""
    path = link(authority)
    page = await opened(flow, path)
    flow.browser.cookies.clear()
    assert (await choose(flow, page)).status_code == 403
    # The twin.
    assert (await choose(flow, await opened(flow, path))).status_code == 200


async def test_attack_60_a_reset_lets_its_person_in_whom_strangers_keep_waiting(flow: Any, authority: Any) -> None:
    for _ in range(6):
        await stranger(flow, "physician")
    assert (await stranger(flow, "physician", PASSWORD)).status_code == 401
    assert (await choose(flow, await opened(flow, link(authority)))).status_code == 200
    assert (await stranger(flow, "physician", NEW)).status_code == 303


# 61


async def test_attack_61_never_more_than_two_hashes_at_once(authority: Any, flow: Any, monkeypatch: Any) -> None:
    """Together with the bench (`python -m tests.bench.auth`), which measures what that leaves to others."""
    at_once, most = 0, 0
    real = Passwords.fits_now

    def counted(self: Passwords, *given: Any) -> bool:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        fits = real(self, *given)
        at_once -= 1
        return fits

    monkeypatch.setattr(Passwords, "fits_now", counted)
    page = await flow.sign_in_page()
    answers = await asyncio.gather(*(flow.submit(page, username=f"n{n}", password="x") for n in range(12)))
    assert {answer.status_code for answer in answers} == {401}
    assert 1 <= most <= AT_ONCE == 2


async def test_attack_61_who_would_wait_too_long_is_sent_away_before_anything_is_counted(
    flow: Any, authority: Any, monkeypatch: Any
) -> None:
    from bedside.auth.sign_in import passwords

    monkeypatch.setattr(passwords, "WAITING_MAX", 3)
    page = await flow.sign_in_page()
    answers = await asyncio.gather(*(flow.submit(page, username="physician", password="x") for _ in range(10)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [401] * 3 + [503] * 7
    crowded = next(answer for answer in answers if answer.status_code == 503)
    assert (crowded.headers["retry-after"], "Too many people are signing in" in crowded.text) == ("3", True)
    assert told(authority, "sign-in") == [("refused", "password")] * 3
    # The twin: a moment later everybody is served.
    assert (await flow.submit(page, username="physician", password=PASSWORD)).status_code == 303


def test_attack_61_a_hash_is_as_dear_as_was_decided() -> None:
    assert Passwords().hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
