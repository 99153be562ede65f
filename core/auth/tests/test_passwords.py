"""Passwords: good ones, changing one's own, and links that the console hands out."""

import re
import time
from typing import Any

import pytest
from sqlmodel import select

from bedside.auth.directory import user_named
from bedside.auth.sign_in.passwords import Passwords
from bedside.auth.sign_in.strength import weakness
from bedside.auth.tables import AuditEvent
from core.auth.tests.administering import Administering, note_of

PASSWORD = "correct horse battery staple"
NEW = "violet kettle under winter moss"
ABOUT = ("kim", "Soo-Jin Kim", "kim@example.org")


@pytest.mark.parametrize(
    "password",
    [NEW, "zufall-garten-kiwi", "48291047362910", "  leading and trailing  ", "пароль из четырёх слов", "é" * 3 + NEW],
)
def test_long_passwords_of_any_characters_will_do(password: str) -> None:
    assert weakness(password, about=ABOUT) is None


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("", "at least 12"),
        ("Tr0ub4dor&3", "at least 12"),
        ("x" * 257, "at most 256"),
        ("aaaaaaaaaaaaaaaa", "guessed early"),
        ("password123456", "guessed early"),
        ("qwertyuiop1234", "guessed early"),
        ("Bedside2026!!", "guessed early"),
        ("soo-jin kim 1", "guessed early"),
        ("kim@example.org", "guessed early"),
        ("12345678901234", "guessed early"),
    ],
)
def test_what_would_be_guessed_is_refused_with_a_reason(password: str, says: str) -> None:
    assert says in (weakness(password, about=ABOUT) or "")


def test_judging_a_password_is_bounded_whatever_is_typed() -> None:
    """Twenty signs that stand for letters take zxcvbn ten seconds."""
    began = time.process_time()
    for hostile in ("4@8({[<3690!1|$5+7%2" * 12, "a" * 256, "1a!" * 80, "ab" * 128, "@" * 256):
        weakness(hostile, about=("x" * 1000,))
    assert time.process_time() - began < 3


def test_a_password_is_the_same_however_its_letters_were_composed() -> None:
    passwords = Passwords()
    assert passwords.fits_now("pässwörter aus wörtern", passwords.hash("pa\u0308sswo\u0308rter aus wo\u0308rtern"))


# Changing one's own


async def form(flow: Any, username: str = "physician") -> Any:
    asked = await flow.browser.get("/account/password")
    assert asked.headers["location"].startswith("/sign-in?request=")
    page = await flow.browser.get(asked.headers["location"])
    led_on = await flow.submit(page, username=username, password=PASSWORD)
    assert led_on.headers["location"] == "/account/password"
    return await flow.browser.get("/account/password")


async def change(flow: Any, page: Any, **changed: str) -> Any:
    typed = {"old": PASSWORD, "password": NEW, "again": NEW} | changed
    return await flow.submit(page, "/account/password", **typed)


async def test_a_person_changes_their_password_and_stays_signed_in_here_only(flow: Any, server: Any, told: Any) -> None:
    elsewhere = await flow.tokens(scope="openid offline_access user/*.rs")
    other_browser = dict(server.cookies)
    server.cookies.clear()
    page = await form(flow)
    here = (await flow.redeem(told(await flow.authorize())["code"])).json()
    before = dict(server.cookies)
    changed = await change(flow, page)
    assert "Your password is changed" in changed.text
    for tokens in (elsewhere, here):
        assert (await flow.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert server.cookies["bedside-auth"] != before["bedside-auth"]
    assert "code" in (await flow.authorize()).headers["location"]
    for ended in (other_browser, before):
        server.cookies.clear()
        server.cookies.update(ended)
        assert (await flow.authorize()).headers["location"].startswith("/sign-in")
    server.cookies.clear()
    assert (await flow.sign_in(password=PASSWORD)).status_code == 401
    assert (await flow.sign_in(password=NEW)).status_code == 303


@pytest.mark.parametrize(
    ("typed", "status", "says"),
    [
        ({"old": "wrong"}, 403, "is not that one"),
        ({"old": ""}, 403, "is not that one"),
        ({"again": "another"}, 422, "not the same"),
        ({"password": "short", "again": "short"}, 422, "at least 12"),
        ({"password": PASSWORD, "again": PASSWORD}, 422, "the password you have"),
        ({"password": "", "again": ""}, 422, "at least 12"),
    ],
)
async def test_a_change_that_is_refused_says_why_and_changes_nothing(
    flow: Any, authority: Any, typed: dict[str, str], status: int, says: str
) -> None:
    page = await form(flow)
    with authority.units.reading() as session:
        before = user_named(session, "physician").password_hash
    refused = await change(flow, page, **typed)
    problem = re.search(r'data-testid="problem">([^<]*)<', refused.text)
    assert problem
    assert (refused.status_code, says in problem[1]) == (status, True), problem[1]
    with authority.units.reading() as session:
        assert user_named(session, "physician").password_hash == before
    assert (await flow.browser.get("/account/password")).status_code == 200


async def test_who_found_an_open_browser_guesses_the_password_no_faster_there(flow: Any, authority: Any) -> None:
    page = await form(flow)
    for _ in range(5):
        assert (await change(flow, page, old="wrong")).status_code == 403
    assert (await change(flow, page)).status_code == 403
    with authority.units.reading() as session:
        rows = session.exec(select(AuditEvent).where(AuditEvent.action == "password-set")).all()
    assert sorted((row.outcome, row.detail["reason"]) for row in rows) == sorted(
        [("refused", "password")] * 5 + [("refused", "waiting")]
    )


async def test_the_form_of_another_session_is_not_taken(flow: Any) -> None:
    page = await form(flow)
    await flow.sign_in(prompt="login")
    assert (await change(flow, page)).status_code == 403
    assert (await change(flow, await flow.browser.get("/account/password"))).status_code == 200


# Links from the console


async def test_an_administrator_is_shown_a_link_once_and_its_person_chooses_a_password(
    flow: Any, server: Any, authority: Any
) -> None:
    admin = Administering(flow)
    await admin.open("/admin/users/new")
    made = await admin.send("/admin/users/new", username="kim", name="Soo-Jin Kim", roles=["nurse"])
    assert "They have none yet" in made.text
    path = made.request.url.path
    assert "Make a link for Soo-Jin Kim?" in (await admin.open(f"{path}/password-link")).text
    shown = await admin.send(f"{path}/password-link")
    found = re.search(r'value="http://127.0.0.1:8003(/password\?link=[\w-]{43})"', shown.text)
    assert found
    assert note_of(shown).startswith("Hand it to them")
    assert "Invitation link, good for 3 days" in shown.text
    assert "/password?link=" not in (await admin.open(path)).text
    server.cookies.clear()
    await server.get(found[1])
    page = await server.get("/password")
    assert 'value="kim"' in page.text
    weak = await flow.submit(page, "/password", password="kim kim kim kim", again="kim kim kim kim")
    assert (weak.status_code, "guessed early" in weak.text) == (422, True)
    assert "Your password is set" in (await flow.submit(page, "/password", password=NEW, again=NEW)).text
    assert (await flow.sign_in("kim", NEW)).status_code == 303


async def test_who_asked_for_a_new_password_is_shown_to_administrators_until_it_is_set(
    flow: Any, server: Any, authority: Any, clock: Any
) -> None:
    page = await server.get("/password/forgotten")
    await flow.submit(page, "/password/forgotten", username=" Physician")
    clock.advance(minutes=9)
    with authority.units.reading() as session:
        path = f"/admin/users/{user_named(session, 'physician').id}"
    admin = Administering(flow)
    assert "Somebody asked for a new password of theirs" in (await admin.open(path)).text
    await admin.open(f"{path}/password-link")
    shown = await admin.send(f"{path}/password-link")
    assert "Link to a new password, good for 15 minutes" in shown.text
    found = re.search(r"/password\?link=[\w-]{43}", shown.text)
    assert found
    own = dict(server.cookies)
    await server.get(found[0])
    await flow.submit(await server.get("/password"), "/password", password=NEW, again=NEW)
    server.cookies.update(own)
    assert "Somebody asked" not in (await admin.open(path)).text
