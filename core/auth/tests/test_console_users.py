"""Users and groups in the console: made, found, given rights for a time, disabled; and what a rule forbids says why."""

import re
from datetime import UTC, timedelta
from typing import Any

import pytest
from sqlmodel import select

from bedside.auth.directory import own_roles_of, roles_of, user_named
from bedside.auth.tables import AuditEvent, LabelRight, User
from core.auth.tests.administering import Administering, note_of

NEW = {"username": "  Kim ", "name": "Soo-Jin Kim", "email": "", "fhir_user": "Practitioner/kim", "roles": ["nurse"]}


@pytest.fixture
async def admin(flow: Any) -> Administering:
    admin = Administering(flow)
    await admin.open("/admin/users/new")
    return admin


def person(authority: Any, username: str) -> User:
    with authority.units.reading() as session:
        user = user_named(session, username)
    assert user is not None
    return user


def roles(authority: Any, username: str) -> list[str]:
    with authority.units.reading() as session:
        return roles_of(session, person(authority, username), now=authority.clock.now())


def told(authority: Any, username: str) -> list[tuple[str, str, str | None]]:
    """Action, role or label, and who did it, of everything that was done to this person in the console."""
    with authority.units.reading() as session:
        names = {user.id: user.username for user in session.exec(select(User))}
        entity = f"User/{person(authority, username).id}"
        rows = session.exec(select(AuditEvent).where(AuditEvent.entity == entity)).all()
    by_console = [row for row in rows if row.detail.get("via") == "console"]
    return [(row.action, row.detail.get("role", ""), names.get(row.user_id or "")) for row in by_console]


async def at(admin: Administering, authority: Any, username: str) -> str:
    """Opens the page of this person; its path."""
    path = f"/admin/users/{person(authority, username).id}"
    await admin.open(path)
    return path


async def test_a_user_is_made_with_roles(admin: Administering, authority: Any) -> None:
    page = await admin.send("/admin/users/new", **NEW)
    assert note_of(page).startswith("The user is made.")
    assert "Practitioner/kim" in page.text
    made = person(authority, "kim")
    assert (made.username, made.name, made.fhir_user, made.active) == ("kim", "Soo-Jin Kim", "Practitioner/kim", True)
    assert roles(authority, "kim") == ["nurse"]
    assert told(authority, "kim")[0] == ("user-created", "", "admin")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"username": ""}, "username"),
        ({"username": "physician"}, "There is somebody with that username already."),
        ({"username": "PHYSICIAN "}, "There is somebody with that username already."),
        ({"name": ""}, "name"),
        ({"name": "x" * 400}, "name"),
        ({"fhir_user": "Observation/1"}, "Practitioner"),
        ({"roles": ["god"]}, "There is no such role."),
    ],
)
async def test_who_cannot_be_made_is_shown_again_with_the_reason(
    admin: Administering, changed: dict[str, Any], says: str
) -> None:
    page = await admin.send("/admin/users/new", **NEW | changed)
    problem = re.search(r'data-testid="problem">([^<]*)<', page.text)
    assert problem
    assert (page.status_code, says in problem[1]) == (422, True), problem[1]
    assert re.search('value="nurse" checked', page.text) or "roles" in changed


async def test_a_user_is_changed(admin: Administering, authority: Any) -> None:
    path = await at(admin, authority, "physician")
    page = await admin.send(f"{path}/edit", username="physician", name="Dr Anita Shah", fhir_user="Practitioner/shah")
    assert (note_of(page), person(authority, "physician").name) == ("Saved.", "Dr Anita Shah")
    refused = await admin.send(f"{path}/edit", username="frontdesk", name="x")
    assert (refused.status_code, "already" in refused.text) == (422, True)


async def test_a_disabled_user_is_out_at_once_and_back_when_enabled(
    admin: Administering, flow: Any, server: Any, authority: Any
) -> None:
    server.cookies.clear()
    theirs = await flow.tokens("physician")
    server.cookies.clear()
    path = await at(admin, authority, "physician")
    asked = await admin.open(f"{path}/disable")
    assert "Disable The physician?" in asked.text
    page = await admin.send(f"{path}/disable")
    assert (note_of(page), "Disabled" in page.text) == ("They are disabled and signed out everywhere.", True)
    assert (await flow.refresh(theirs["refresh_token"])).json()["error"] == "invalid_grant"
    bearer = {"Authorization": f"Bearer {theirs['access_token']}"}
    assert (await server.get("/userinfo", headers=bearer)).status_code == 401
    await admin.send(f"{path}/enable")
    assert person(authority, "physician").active
    assert (await flow.refresh(theirs["refresh_token"])).json()["error"] == "invalid_grant"


async def test_attack_66_the_last_administrator_stays_and_the_page_says_why(
    admin: Administering, authority: Any
) -> None:
    path = await at(admin, authority, "admin")
    for act, typed in (("disable", {}), ("roles/withdraw", {"role": "admin"})):
        page = await admin.send(f"{path}/{act}", **typed)
        assert note_of(page).startswith("This would leave nobody who is an administrator"), act
        assert (person(authority, "admin").active, roles(authority, "admin")) == (True, ["admin"])
        await admin.open(path)
    # The twin: with another administrator the same is done.
    other = await at(admin, authority, "frontdesk")
    await admin.send(f"{other}/roles/grant", role="admin")
    await at(admin, authority, "admin")
    await admin.send(f"{path}/roles/withdraw", role="admin")
    assert roles(authority, "admin") == []


async def test_attack_65_nobody_gives_themselves_a_right_in_the_console(admin: Administering, authority: Any) -> None:
    path = await at(admin, authority, "admin")
    page = await admin.send(f"{path}/roles/grant", role="physician")
    assert note_of(page) == "Nobody can give rights to themselves: ask another administrator."
    assert roles(authority, "admin") == ["admin"]
    with authority.units.reading() as session:
        refused = session.exec(select(AuditEvent).where(AuditEvent.action == "console-refused")).one()
    assert (refused.outcome, refused.detail["reason"]) == ("refused", "self-promotion")
    # The twin: somebody else is given it.
    other = await at(admin, authority, "frontdesk")
    assert note_of(await admin.send(f"{other}/roles/grant", role="physician")).startswith("The role is given.")


async def test_a_role_is_given_for_a_time_and_its_last_day_counts_whole(
    admin: Administering, authority: Any, clock: Any
) -> None:
    path = await at(admin, authority, "frontdesk")
    today = clock.now().astimezone(UTC).date()
    last = today + timedelta(days=2)
    page = await admin.send(f"{path}/roles/grant", role="nurse", since=str(today + timedelta(days=1)), until=str(last))
    assert f"{last:%-d %b %Y}" in page.text
    assert "not yet" in page.text
    assert roles(authority, "frontdesk") == ["frontdesk"]
    with authority.units.reading() as session:
        held = own_roles_of(session, person(authority, "frontdesk"), now=clock.now())
    assert [(row.role, row.until and row.until.date()) for row in held if row.role == "nurse"] == [
        ("nurse", last + timedelta(days=1))
    ]
    await admin.send(f"{path}/roles/withdraw", role="nurse")
    assert [act[:2] for act in told(authority, "frontdesk")] == [("role-granted", "nurse"), ("role-withdrawn", "nurse")]


@pytest.mark.parametrize(
    "typed",
    [
        {"until": "2001-01-01"},
        {"until": "tomorrow"},
        {"since": "9999-99-99"},
        {"role": "god"},
        {"until": "0001-01-01"},
        {"until": "9999-12-31"},
    ],
)
async def test_a_role_with_impossible_times_is_not_given(
    admin: Administering, authority: Any, typed: dict[str, str]
) -> None:
    path = await at(admin, authority, "frontdesk")
    page = await admin.send(f"{path}/roles/grant", **{"role": "nurse"} | typed)
    assert (page.status_code, 'role="alert"' in page.text) == (200, True)
    assert roles(authority, "frontdesk") == ["frontdesk"]


async def test_a_right_to_a_label_always_ends(admin: Administering, authority: Any, clock: Any) -> None:
    path = await at(admin, authority, "physician")
    assert "always ends" in note_of(await admin.send(f"{path}/labels/give", label="ETH"))
    until = clock.now().date() + timedelta(days=30)
    await admin.send(f"{path}/labels/give", label="ETH", until=str(until))
    with authority.units.reading() as session:
        assert [row.label for row in session.exec(select(LabelRight))] == ["ETH"]
    page = await admin.send(f"{path}/labels/withdraw", label="ETH")
    assert "None: what has a sensitive label is hidden from them." in page.text


async def test_signing_somebody_out_everywhere_leaves_them_able_to_sign_in(
    admin: Administering, flow: Any, server: Any, authority: Any
) -> None:
    server.cookies.clear()
    theirs = await flow.tokens("physician", scope="openid offline_access user/*.rs")
    server.cookies.clear()
    path = await at(admin, authority, "physician")
    assert "Sign The physician out everywhere?" in (await admin.open(f"{path}/sign-out")).text
    await admin.send(f"{path}/sign-out")
    assert (await flow.refresh(theirs["refresh_token"])).json()["error"] == "invalid_grant"
    server.cookies.clear()
    assert (await flow.sign_in("physician")).status_code == 303


async def test_users_are_found_by_name_role_and_state(admin: Administering, authority: Any) -> None:
    async def found(**query: str) -> list[str]:
        page = await admin.open("/admin/users", **query)
        return re.findall(r'<span class="sub">([^<]*)</span>', page.text)

    assert await found() == ["admin", "frontdesk", "patient", "physician"]
    assert await found(q="PHYS") == ["physician"]
    assert await found(q="%") == []
    assert await found(role="patient") == ["patient"]
    assert await found(state="disabled") == []
    assert await found(role="nonsense", state="nonsense") == []


async def test_a_group_gives_its_roles_to_its_members(admin: Administering, authority: Any) -> None:
    await admin.open("/admin/groups")
    page = await admin.send("/admin/groups", name="Ward 7")
    path = re.search(r'action="(/admin/groups/[^/"]+)/edit"', page.text)
    assert path
    await admin.send(f"{path[1]}/edit", name="Ward 7", roles=["nurse"])
    page = await admin.send(f"{path[1]}/members/add", username=" Frontdesk")
    assert "The frontdesk" in page.text
    assert roles(authority, "frontdesk") == ["frontdesk", "nurse"]
    assert "Ward 7" in (await admin.open(f"/admin/users/{person(authority, 'frontdesk').id}")).text
    assert re.findall(r'class="sub">([^<]*)<', (await admin.open("/admin/users", role="nurse")).text) == ["frontdesk"]

    await admin.open(path[1])
    assert (
        note_of(await admin.send(f"{path[1]}/members/add", username="nobody")) == "There is nobody with that username."
    )
    await admin.open(path[1])
    await admin.send(f"{path[1]}/members/remove", user=person(authority, "frontdesk").id)
    assert roles(authority, "frontdesk") == ["frontdesk"]
    await admin.send(f"{path[1]}/delete")
    assert (await admin.open(path[1])).status_code == 404


async def test_names_are_escaped_wherever_they_are_shown(admin: Administering, authority: Any) -> None:
    await admin.send("/admin/users/new", **NEW | {"name": "<script>alert(1)</script>"})
    path = await at(admin, authority, "kim")
    for shown in (path, f"{path}/edit", f"{path}/disable", "/admin/users"):
        page = await admin.open(shown)
        assert ("<script" in page.text, "&lt;script&gt;" in page.text) == (False, True), shown
