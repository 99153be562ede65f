"""Sessions and consents in the console: who is signed in, and ending that."""

import re
from typing import Any

import pytest
from sqlmodel import select

from bedside.auth.directory import user_named
from bedside.auth.sign_in.sessions import begin_session
from bedside.auth.tables import AuditEvent, User
from core.auth.tests.administering import Administering, note_of


@pytest.fixture
async def tokens(flow: Any, server: Any) -> dict[str, Any]:
    """Of a physician whose browser is another than the administrator's."""
    granted: dict[str, Any] = await flow.tokens("physician")
    server.cookies.clear()
    return granted


async def told(authority: Any, action: str) -> list[tuple[str | None, str | None]]:
    """By whom and to what, by username."""
    with authority.units.reading() as session:
        names = {user.id: user.username for user in session.exec(select(User))}
        rows = session.exec(select(AuditEvent).where(AuditEvent.action == action)).all()
    return [(names[row.user_id], names[row.entity.removeprefix("User/")]) for row in rows]


async def test_a_session_that_is_ended_takes_its_apps_with_it(flow: Any, authority: Any, tokens: Any) -> None:
    admin = Administering(flow)
    page = await admin.open("/admin/sessions")
    assert [name in page.text for name in ("The physician", "&lt;b&gt;app&lt;/b&gt;", "This is you")] == [True] * 3
    (end,) = admin.actions("/admin/sessions/")
    after = await admin.send(end)
    assert note_of(after) == "That session is over, and so are the apps that were opened from it."
    assert "The physician" not in after.text
    assert (await flow.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert await told(authority, "session-ended") == [("admin", "physician")]


async def test_the_note_is_gone_when_the_page_is_loaded_again(flow: Any, server: Any, tokens: Any) -> None:
    admin = Administering(flow)
    await admin.open("/admin/sessions")
    (end,) = admin.actions("/admin/sessions/")
    answer = await server.post(end, data={"csrf": admin.csrf})
    assert note_of(await server.get(answer.headers["location"]))
    assert not note_of(await server.get(answer.headers["location"]))


async def test_an_app_with_lasting_access_is_listed_until_it_is_ended(flow: Any, server: Any, authority: Any) -> None:
    granted = await flow.tokens("physician", scope="openid offline_access user/*.rs")
    page = await server.get("/end_session")
    await flow.submit(page, "/end_session")
    assert (kept := await flow.refresh(granted["refresh_token"])).status_code == 200

    admin = Administering(flow)
    await admin.open("/admin/sessions")
    (end,) = admin.actions("/admin/sessions/apps/")
    assert "No app has such lasting access" in (await admin.send(end)).text
    assert (await flow.refresh(kept.json()["refresh_token"])).json()["error"] == "invalid_grant"
    assert await told(authority, "grant-ended") == [("admin", "physician")]


async def test_a_session_that_grew_idle_is_not_listed(flow: Any, clock: Any, tokens: Any) -> None:
    clock.advance(minutes=16)
    page = await Administering(flow).open("/admin/sessions")
    assert ("The physician" in page.text, "This is you" in page.text) == (False, True)


async def test_sessions_are_found_by_their_person(flow: Any, authority: Any) -> None:
    with authority.units.unit() as session:
        for username in ("physician", "frontdesk"):
            begin_session(session, user_named(session, username), now=authority.clock.now())
    admin = Administering(flow)
    page = await admin.open("/admin/sessions", q="PHYS")
    assert ("The physician" in page.text, "The frontdesk" in page.text) == (True, False)
    assert "Nobody who fits is signed in" in (await admin.open("/admin/sessions", q="%")).text


async def test_long_lists_are_turned_page_by_page(flow: Any, authority: Any) -> None:
    with authority.units.unit() as session:
        for _ in range(60):
            begin_session(session, user_named(session, "frontdesk"), now=authority.clock.now())
    admin = Administering(flow)
    pages = [await admin.open("/admin/sessions", page=str(number)) for number in (1, 2, 3, 9)]
    assert [len(re.findall('data-testid="session-row"', page.text)) for page in pages] == [25, 25, 11, 11]
    assert "26 to 50 of 61 sessions" in pages[1].text
    assert len({action for page in pages for action in re.findall(r"/admin/sessions/[^/\"]+/end", page.text)}) == 60


async def test_a_consent_that_is_withdrawn_ends_what_the_app_holds(flow: Any, server: Any, authority: Any) -> None:
    answer = await flow.sign_in("physician", client_id="foreign", scope="openid online_access user/Patient.rs")
    page = await server.get(answer.headers["location"])
    scopes = ["openid", "online_access", "user/Patient.rs"]
    allowed = await flow.submit(page, "/consent", decision="allow", scope=scopes)
    code = re.search(r"code=([^&]+)", allowed.headers["location"])
    assert code
    tokens = (await flow.redeem(code[1], client_id="foreign")).json()
    server.cookies.clear()

    admin = Administering(flow)
    shown = await admin.open("/admin/consents", q="physician")
    assert "know that it is you; go on while you are signed in; read name, birth date" in shown.text
    after = await admin.send("/admin/consents/withdraw", user=hidden(shown, "user"), client="foreign")
    assert note_of(after).startswith("Withdrawn.")
    assert "Nobody has given an app of others a consent yet" in after.text
    refused = await flow.refresh(tokens["refresh_token"], client_id="foreign")
    assert refused.json()["error"] == "invalid_grant"
    assert await told(authority, "consent-withdrawn") == [("admin", "physician")]


async def test_the_keys_are_shown_without_what_is_private(flow: Any) -> None:
    page = await Administering(flow).open("/admin/keys")
    assert (page.text.count('data-testid="key-row"'), "access tokens" in page.text) == (2, True)
    assert '"d"' not in page.text


async def test_signing_out_in_the_console_needs_no_second_page(flow: Any, server: Any) -> None:
    admin = Administering(flow)
    await admin.open("/admin/keys")
    proof = hidden(admin.shown, "csrf")
    assert "You are signed out" in (await server.post("/end_session", data={"csrf": proof})).text
    assert (await server.get("/admin/keys")).status_code == 303


def hidden(page: Any, name: str) -> str:
    found = re.search(rf'type="hidden" name="{name}" value="([^"]*)"', page.text)
    assert found
    return found[1]
