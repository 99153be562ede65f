"""The frame of the console: who gets in, whose forms are believed, what it says once."""

import re
from typing import Any

import pytest
from sqlmodel import select

from bedside.auth.admin.notes import NOTE_LIFE, Note, leave_note, take_note
from bedside.auth.admin.sections import WORDS
from bedside.auth.app import application
from bedside.auth.directory import user_named
from bedside.auth.endpoints.access import access_of
from bedside.auth.sign_in.sessions import begin_session
from bedside.auth.tables import AuditEvent, ConsoleNote, UserRole
from bedside.auth.tables import Session as BrowserSession
from bedside.identity import roles as known_roles
from bedside.identity.roles import Role
from bedside.identity.scopes import Scopes
from core.auth.tests.administering import Administering, note_of


def routes_of(authority: Any) -> list[tuple[str, str, str]]:
    """Method, path and the word that opens it, of every route of the console."""
    app = application(authority).app  # type: ignore[attr-defined]
    found = []
    for route in app.routes:
        if route.path.startswith("/admin"):
            access = access_of(route)
            assert access is not None
            assert access.startswith("session ")
            path = re.sub(r"\{\w+\}", "unknown", route.path)
            found += [(method, path, access.removeprefix("session ")) for method in sorted(route.methods)]
    return found


async def test_every_route_of_the_console_asks_who_is_not_signed_in_to_sign_in(server: Any, authority: Any) -> None:
    walked = routes_of(authority)
    assert len(walked) >= 6
    for method, path, _ in walked:
        answer = await server.request(method, path, **({"data": {"csrf": "x"}} if method == "POST" else {}))
        assert (answer.status_code, answer.headers["location"][:17]) == (303, "/sign-in?request="), (method, path)


@pytest.mark.parametrize("username", ["physician", "frontdesk", "patient"])
async def test_every_route_of_the_console_refuses_who_is_no_administrator(
    flow: Any, server: Any, authority: Any, username: str
) -> None:
    await flow.sign_in(username)
    for method, path, _ in routes_of(authority):
        answer = await server.request(method, path, **({"data": {"csrf": "x"}} if method == "POST" else {}))
        assert (answer.status_code, "This page is not for you" in answer.text) == (403, True), (method, path)
        assert "/admin/" not in answer.text, "what they may not open is not offered to them"
    with authority.units.reading() as session:
        refused = session.exec(select(AuditEvent).where(AuditEvent.action == "console-refused")).all()
    assert {(row.outcome, row.detail["reason"]) for row in refused} == {("refused", "role")}
    assert len(refused) == len(routes_of(authority))


async def test_every_form_of_the_console_wants_its_proof(flow: Any, server: Any, authority: Any) -> None:
    await Administering(flow).open()
    acts = [path for method, path, _ in routes_of(authority) if method == "POST"]
    assert acts
    for path in acts:
        for forged in ({}, {"csrf": ""}, {"csrf": "0" * 64}):
            answer = await server.post(path, data=forged | {"name": "x"})
            assert (answer.status_code, "This form cannot be accepted" in answer.text) == (403, True), path


@pytest.fixture
def somebody_else(authority: Any) -> None:
    """Signed in elsewhere, so that the list of sessions has a form."""
    with authority.units.unit() as session:
        begin_session(session, user_named(session, "frontdesk"), now=authority.clock.now())


@pytest.mark.usefixtures("somebody_else")
async def test_the_proof_of_an_earlier_session_is_not_taken(flow: Any, server: Any) -> None:
    admin = Administering(flow)
    await admin.open("/admin/sessions")
    form = {"csrf": admin.csrf}
    assert (await server.post("/admin/consents/withdraw", data=form)).status_code == 404
    await flow.sign_in("admin", prompt="login")
    assert (await server.post("/admin/consents/withdraw", data=form)).status_code == 403


@pytest.mark.parametrize("word", sorted(WORDS))
async def test_a_role_with_one_word_opens_exactly_its_pages(
    flow: Any, server: Any, authority: Any, monkeypatch: Any, word: str
) -> None:
    name = f"only-{word}"
    monkeypatch.setitem(known_roles.ROLES, name, Role(name, Scopes.parse(word)))
    with authority.units.unit() as session:
        held = session.exec(select(UserRole).where(UserRole.role == "frontdesk")).one()
        session.add(UserRole(user_id=held.user_id, role=name, since=held.since))
    await flow.sign_in("frontdesk")
    for method, path, opens in routes_of(authority):
        answer = await server.request(method, path, **({"data": {"csrf": "x"}} if method == "POST" else {}))
        refused = "This page is not for you" in answer.text
        assert refused == (word not in opens), (method, path)
    front = await server.get("/admin")
    assert front.status_code == 303
    shown = await server.get(front.headers["location"])
    offered = set(re.findall(r'<li><a href="(/admin/[a-z-]+)"', shown.text))
    assert offered
    assert offered == {path for _, path, opens in routes_of(authority) if opens == word and path in offered}


async def test_a_page_of_the_console_is_closed_like_the_others(flow: Any) -> None:
    page = await Administering(flow).open("/admin/sessions")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert all(part in policy for part in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"))
    assert "script" not in policy
    assert (page.headers["cache-control"], page.headers["x-frame-options"]) == ("no-store", "DENY")
    assert not re.search(r"<script|style=| on\w+=", page.text)


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "page=999999999999", "page=x", "q=%25", "q=%00", "q=%ff", "q=" + "x" * 5000]
)
async def test_hostile_queries_are_answered_in_bounds(flow: Any, server: Any, authority: Any, query: str) -> None:
    await Administering(flow).open()
    for method, path, _ in routes_of(authority):
        if method == "GET" and "unknown" not in path:
            assert (await server.get(f"{path}?{query}")).status_code in (200, 303, 400), path


@pytest.mark.parametrize("body", [b"csrf=%ff", b"csrf=%00", b"\xff", b"a=1&" * 100])
async def test_a_form_that_cannot_be_read_is_a_page_not_a_failure(flow: Any, server: Any, body: bytes) -> None:
    await Administering(flow).open()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await server.post("/admin/consents/withdraw", content=body, headers=headers)
    assert (answer.status_code, "This could not be read" in answer.text) == (400, True)


@pytest.mark.usefixtures("somebody_else")
async def test_what_names_nothing_is_not_found(flow: Any, server: Any, authority: Any) -> None:
    admin = Administering(flow)
    await admin.open("/admin/sessions")
    for method, path, _ in routes_of(authority):
        if "unknown" in path:
            form = {"data": {"csrf": admin.csrf}} if method == "POST" else {}
            assert (await server.request(method, path, **form)).status_code == 404, path


ASK_ANEW = [
    ("/admin/users/new", "/admin/users/new"),
    ("/admin/clients/new", "/admin/clients/new"),
    ("/admin/clients/integrator/rotate", "/admin/clients/integrator/rotate"),
    ("/admin/clients/integrator/disable", "/admin/clients/integrator/disable"),
    ("/admin/clients/initial-access-tokens", "/admin/clients/initial-access-tokens"),
    ("/admin/keys", "/admin/keys/rotate"),
    ("/admin/groups", "/admin/groups"),
]
"""Pages with a form, and where it is sent: what only somebody who showed of late who they are may do."""
AT_ONCE = {
    "/admin/sessions/unknown/end",
    "/admin/sessions/apps/unknown/end",
    "/admin/consents/withdraw",
    "/admin/clients/initial-access-tokens/unknown/withdraw",
    "/admin/glass/unknown/review",
}
"""Acts that only take from others what was given to them, and a review: they do not wait for a sign-in."""


@pytest.mark.usefixtures("somebody_else")
async def test_whatever_is_hard_to_undo_asks_who_one_is_after_twenty_minutes(
    flow: Any, server: Any, authority: Any, clock: Any
) -> None:
    admin = Administering(flow)
    await admin.open("/admin/sessions")
    form = {"csrf": admin.csrf}
    for _ in range(2):
        clock.advance(minutes=10, seconds=1)
        await server.get("/admin/sessions")
    done = set()
    for method, path, _ in routes_of(authority):
        if method == "POST" and (await server.post(path, data=form)).status_code != 303:
            done.add(path)
    assert done == AT_ONCE


@pytest.mark.parametrize(("page", "act"), ASK_ANEW)
async def test_what_asked_anew_who_one_is_was_not_done_and_the_page_says_so(
    flow: Any, server: Any, clock: Any, page: str, act: str
) -> None:
    admin = Administering(flow)
    await admin.open(page)
    form = {"csrf": admin.csrf, "name": "x", "made_for": "x"}
    for _ in range(2):
        clock.advance(minutes=10, seconds=1)
        await server.get("/admin/sessions")
    answer = await server.post(act, data=form)
    assert (answer.status_code, answer.headers["location"][:17]) == (303, "/sign-in?request=")
    signed_in = await flow.submit(
        await server.get(answer.headers["location"]), username="admin", password="correct horse battery staple"
    )
    shown = admin.shown = await server.get(signed_in.headers["location"])
    assert note_of(shown) == "You had to show who you are first, so nothing was done yet: do it now if you want it."
    # The twin: sent from there it is done, or refused for another reason.
    again = await server.post(act, data=form | {"csrf": admin.csrf})
    assert not again.headers.get("location", "").startswith("/sign-in"), again.text


async def test_who_opened_a_form_in_time_has_ten_minutes_to_fill_it_in(flow: Any, server: Any, clock: Any) -> None:
    admin = Administering(flow)
    await admin.open("/admin/users/new")
    clock.advance(minutes=9)
    await server.get("/admin/users/new")
    clock.advance(minutes=9)
    page = await admin.send("/admin/users/new", username="kim", name="Soo-Jin Kim")
    assert note_of(page) == "The user is made."
    asked = await server.get("/admin/users/new")
    assert (asked.status_code, asked.headers["location"][:17]) == (303, "/sign-in?request=")


async def test_a_note_is_shown_once_to_its_session_only(flow: Any, authority: Any, clock: Any) -> None:
    await flow.sign_in("admin")
    await flow.sign_in("physician", prompt="login")
    with authority.units.unit() as session:
        own, other = session.exec(select(BrowserSession).order_by(BrowserSession.auth_time)).all()
        handles = [leave_note(authority, session, own, Note("Done", secret="s3cret")) for _ in range(2)]
        kept = session.exec(select(ConsoleNote)).all()
        assert all(b"s3cret" not in note.sealed and note.id not in handles for note in kept)
        assert take_note(authority, session, other, handles[0]) is None
        assert take_note(authority, session, own, handles[0]) == Note("Done", secret="s3cret")
        assert take_note(authority, session, own, handles[0]) is None
    clock.advance(seconds=NOTE_LIFE.total_seconds())
    with authority.units.unit() as session:
        assert take_note(authority, session, own, handles[1]) is None
