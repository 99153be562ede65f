"""The directory's verbs: what they do, what follows, and what they refuse."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session, col, select

from bedside.auth import directory
from bedside.auth.authority import Authority
from bedside.auth.directory import Actor, Details, DirectoryRefused, administering
from bedside.auth.tables import AuditEvent, Group, Revocation, User

OPERATOR = Actor.operator()


def user(session: Session, username: str) -> User:
    found = directory.user_named(session, username)
    assert found is not None, username
    return found


def admin(authority: Authority) -> Actor:
    """The administrator of the tests, signed in."""
    with authority.units.reading() as session:
        return Actor("console", True, user_id=user(session, "admin").id)


def told(authority: Authority) -> list[str]:
    with authority.units.reading() as session:
        return [
            row[0].removeprefix("bedside.")
            for row in session.connection().execute(text("SELECT type FROM outbox ORDER BY position"))
        ]


def roles(authority: Authority, username: str) -> list[str]:
    with authority.units.reading() as session:
        return directory.roles_of(session, user(session, username), now=authority.clock.now())


def do(authority: Authority, verb: Callable[..., Any], username: str, *given: Any, by: Actor = OPERATOR) -> Any:
    with administering(authority, by) as session:
        return verb(authority, session, by, user(session, username), *given)


def logged(authority: Authority) -> list[tuple[str, str]]:
    with authority.units.reading() as session:
        rows = session.exec(select(AuditEvent).order_by(col(AuditEvent.recorded_at))).all()
    return [(row.action, row.detail.get("reason", row.outcome)) for row in rows]


def test_a_new_user_has_roles_no_password_and_an_id_of_their_own(authority: Authority) -> None:
    with administering(authority, OPERATOR) as session:
        made = directory.create_user(
            authority,
            session,
            OPERATOR,
            Details(" Nurse2 ", "Second Nurse", fhir_user="Practitioner/n2"),
            roles=["nurse"],
        )
    assert (made.username, made.password_hash, made.patient) == ("nurse2", "", None)
    assert roles(authority, "nurse2") == ["nurse"]
    assert told(authority) == ["user.created.v1"]
    assert logged(authority) == [("user-created", "success")]


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        (Details("ADMIN ", "Another"), "username-taken"),
        (Details(" ", "Nobody"), "invalid"),
        (Details("a\x00b", "Null"), "invalid"),
        (Details("x" * 201, "Long"), "invalid"),
        (Details("x", "y" * 301), "invalid"),
        (Details("x", "y", fhir_user="Patient/../p1"), "invalid"),
        (Details("x", "y", fhir_user="http://elsewhere/Patient/1"), "invalid"),
        (Details("x", "y", email="a\nb"), "invalid"),
    ],
)
def test_details_that_make_no_sense_make_no_user(authority: Authority, details: Details, reason: str) -> None:
    with pytest.raises(DirectoryRefused) as refused, administering(authority, OPERATOR) as session:
        directory.create_user(authority, session, OPERATOR, details)
    assert refused.value.reason == reason
    assert logged(authority) == [("administration", reason)]


def test_a_role_that_does_not_exist_cannot_be_given(authority: Authority) -> None:
    with pytest.raises(DirectoryRefused) as refused:
        do(authority, directory.grant_role, "physician", "service")
    assert refused.value.reason == "invalid"
    assert roles(authority, "physician") == ["physician"]


def test_without_the_right_nothing_is_done(authority: Authority) -> None:
    nobody = Actor("scim", False, client_id="app")
    with pytest.raises(DirectoryRefused) as refused:
        do(authority, directory.grant_role, "physician", "nurse", by=nobody)
    assert refused.value.reason == "not-permitted"
    assert roles(authority, "physician") == ["physician"]


def test_a_granted_role_makes_older_tokens_refused(authority: Authority) -> None:
    do(authority, directory.grant_role, "frontdesk", "billing")
    assert roles(authority, "frontdesk") == ["billing", "frontdesk"]
    assert told(authority) == ["user.roles-changed.v1"]
    with authority.units.reading() as session:
        row = session.exec(select(Revocation)).one()
        assert (row.kind, row.value) == ("user", user(session, "frontdesk").id)


def test_a_role_granted_again_changes_nothing_and_refuses_no_token(authority: Authority) -> None:
    do(authority, directory.grant_role, "frontdesk", "frontdesk")
    assert told(authority) == []


def test_a_role_lasts_from_its_beginning_to_its_end(authority: Authority, clock: Any) -> None:
    now = clock.now()
    with administering(authority, OPERATOR) as session:
        directory.grant_role(
            authority,
            session,
            OPERATOR,
            user(session, "frontdesk"),
            "billing",
            since=now + timedelta(hours=1),
            until=now + timedelta(hours=2),
        )
    held = []
    for _ in range(3):
        held.append(roles(authority, "frontdesk"))
        clock.advance(minutes=61)
    assert held == [["frontdesk"], ["billing", "frontdesk"], ["frontdesk"]]


def test_a_group_gives_its_roles_to_its_members(authority: Authority) -> None:
    with administering(authority, OPERATOR) as session:
        group = directory.create_group(authority, session, OPERATOR, "Ward 3")
        directory.add_members(authority, session, OPERATOR, group, [user(session, "frontdesk").id])
        directory.set_group_roles(authority, session, OPERATOR, group, ["nurse"])
    assert roles(authority, "frontdesk") == ["frontdesk", "nurse"]
    with administering(authority, OPERATOR) as session:
        directory.delete_group(authority, session, OPERATOR, session.get_one(Group, group.id))
    assert roles(authority, "frontdesk") == ["frontdesk"]


def test_a_group_takes_nobody_who_is_not_known(authority: Authority) -> None:
    with pytest.raises(DirectoryRefused) as refused, administering(authority, OPERATOR) as session:
        _group_of(authority, session, OPERATOR, "nobody")
    assert refused.value.reason == "unknown"
    with authority.units.reading() as session:
        assert session.exec(select(Group)).all() == []


def test_a_right_to_a_label_ends(authority: Authority, clock: Any) -> None:
    until = clock.now() + timedelta(days=1)
    with administering(authority, OPERATOR) as session:
        physician = user(session, "physician")
        directory.give_label_right(authority, session, OPERATOR, physician, "HIV", until=until)
        assert [right.label for right in directory.label_rights_of(session, physician, now=clock.now())] == ["HIV"]
        clock.advance(days=1)
        assert directory.label_rights_of(session, physician, now=clock.now()) == []


def test_a_right_to_a_label_is_asked_for_again_after_a_year(authority: Authority, clock: Any) -> None:
    until = clock.now() + timedelta(days=400)
    with pytest.raises(DirectoryRefused) as refused, administering(authority, OPERATOR) as session:
        directory.give_label_right(authority, session, OPERATOR, user(session, "physician"), "HIV", until=until)
    assert refused.value.reason == "invalid"


def test_the_deleted_leave_their_username_to_others_and_their_id_to_nobody(authority: Authority) -> None:
    with authority.units.reading() as session:
        before = user(session, "frontdesk").id
    do(authority, directory.delete_user, "frontdesk")
    with administering(authority, OPERATOR) as session:
        assert directory.find_user(session, before) is None
        after = directory.create_user(authority, session, OPERATOR, Details("frontdesk", "Another"))
        assert after.id != before
        kept = session.get_one(User, before)
        assert (kept.name, kept.fhir_user, kept.active) == ("", None, False)


def test_a_reactivated_user_signs_in_anew(authority: Authority) -> None:
    do(authority, directory.deactivate, "frontdesk")
    do(authority, directory.reactivate, "frontdesk")
    with authority.units.reading() as session:
        assert user(session, "frontdesk").active
    assert told(authority) == ["user.deactivated.v1"]


def _group_of(authority: Authority, session: Session, by: Actor, *members: str) -> Group:
    group = directory.create_group(authority, session, by, "Ward 3")
    directory.add_members(authority, session, by, group, members)
    return group


PROMOTIONS: dict[str, Callable[[Authority, Session, Actor, User], object]] = {
    "a role": lambda a, s, by, me: directory.grant_role(a, s, by, me, "physician"),
    "a role for later": lambda a, s, by, me: directory.grant_role(
        a, s, by, me, "physician", since=a.clock.now() + timedelta(days=1)
    ),
    "a set of roles": lambda a, s, by, me: directory.set_roles(a, s, by, me, ["admin", "physician"]),
    "a right to a label": lambda a, s, by, me: directory.give_label_right(
        a, s, by, me, "PSY", until=a.clock.now() + timedelta(days=1)
    ),
    "a patient to act for": lambda a, s, by, me: directory.grant_proxy(a, s, by, me, "p1"),
    "a link to a record": lambda a, s, by, me: directory.change_user(
        a, s, by, me, replace(directory.details_of(me), fhir_user="Patient/p1")
    ),
    "a role of their own group": lambda a, s, by, me: directory.set_group_roles(
        a, s, by, _group_of(a, s, OPERATOR, by.user_id or ""), ["physician"]
    ),
}


@pytest.mark.parametrize("promotion", PROMOTIONS.values(), ids=PROMOTIONS.keys())
def test_attack_65_nobody_promotes_themselves(
    authority: Authority, promotion: Callable[[Authority, Session, Actor, User], object]
) -> None:
    me = admin(authority)
    with pytest.raises(DirectoryRefused) as refused, administering(authority, me) as session:
        promotion(authority, session, me, user(session, "admin"))
    assert refused.value.reason == "self-promotion"
    assert roles(authority, "admin") == ["admin"]
    assert logged(authority)[-1] == ("administration", "self-promotion")


def test_attack_65_twin_another_is_promoted_and_may_do_it_for_them(authority: Authority) -> None:
    me = admin(authority)
    do(authority, directory.grant_role, "frontdesk", "admin", by=me)
    with authority.units.reading() as session:
        other = Actor("console", True, user_id=user(session, "frontdesk").id)
    do(authority, directory.grant_role, "admin", "physician", by=other)
    assert roles(authority, "admin") == ["admin", "physician"]


def test_what_one_has_one_may_give_up(authority: Authority) -> None:
    do(authority, directory.grant_role, "admin", "physician")
    do(authority, directory.withdraw_role, "admin", "physician", by=admin(authority))
    assert roles(authority, "admin") == ["admin"]


def _by_group_only(authority: Authority, session: Session, by: Actor, me: User) -> Group:
    """The administrator is one by a group alone."""
    group = directory.create_group(authority, session, by, "Administrators")
    directory.set_group_roles(authority, session, by, group, ["admin"])
    directory.add_members(authority, session, by, group, [me.id])
    directory.withdraw_role(authority, session, by, me, "admin")
    return group


REMOVALS: dict[str, Callable[[Authority, Session, Actor, User], object]] = {
    "deactivation": directory.deactivate,
    "deletion": directory.delete_user,
    "withdrawal of the role": lambda a, s, by, me: directory.withdraw_role(a, s, by, me, "admin"),
    "a set of roles without it": lambda a, s, by, me: directory.set_roles(a, s, by, me, ["nurse"]),
    "an end for the role": lambda a, s, by, me: directory.grant_role(
        a, s, by, me, "admin", until=a.clock.now() + timedelta(days=1)
    ),
    "a later beginning": lambda a, s, by, me: directory.grant_role(
        a, s, by, me, "admin", since=a.clock.now() + timedelta(days=1), until=a.clock.now() + timedelta(days=2)
    ),
    "leaving the group": lambda a, s, by, me: directory.remove_members(a, s, by, _by_group_only(a, s, by, me), [me.id]),
    "deletion of the group": lambda a, s, by, me: directory.delete_group(a, s, by, _by_group_only(a, s, by, me)),
    "another role for the group": lambda a, s, by, me: directory.set_group_roles(
        a, s, by, _by_group_only(a, s, by, me), []
    ),
}


@pytest.mark.parametrize("removal", REMOVALS.values(), ids=REMOVALS.keys())
def test_attack_66_the_last_administrator_stays(
    authority: Authority, removal: Callable[[Authority, Session, Actor, User], object]
) -> None:
    with pytest.raises(DirectoryRefused) as refused, administering(authority, OPERATOR) as session:
        removal(authority, session, OPERATOR, user(session, "admin"))
    assert refused.value.reason == "last-administrator"
    assert roles(authority, "admin") == ["admin"]


@pytest.mark.parametrize("removal", REMOVALS.values(), ids=REMOVALS.keys())
def test_attack_66_twin_with_another_administrator_it_is_done(
    authority: Authority, removal: Callable[[Authority, Session, Actor, User], object]
) -> None:
    do(authority, directory.grant_role, "frontdesk", "admin")
    with administering(authority, OPERATOR) as session:
        removal(authority, session, OPERATOR, user(session, "admin"))


def test_attack_66_one_whose_role_ends_is_no_other_administrator(authority: Authority) -> None:
    with administering(authority, OPERATOR) as session:
        until = authority.clock.now() + timedelta(days=1)
        directory.grant_role(authority, session, OPERATOR, user(session, "frontdesk"), "admin", until=until)
    with pytest.raises(DirectoryRefused) as refused:
        do(authority, directory.deactivate, "admin")
    assert refused.value.reason == "last-administrator"


def test_attack_66_two_at_once_leave_one_administrator(authority: Authority) -> None:
    do(authority, directory.grant_role, "frontdesk", "admin")
    ready = Barrier(2)

    def withdraw(username: str) -> str:
        ready.wait()
        try:
            do(authority, directory.withdraw_role, username, "admin")
        except DirectoryRefused as refused:
            return refused.reason
        return "done"

    with ThreadPoolExecutor(2) as threads:
        outcomes = sorted(threads.map(withdraw, ("admin", "frontdesk")))
    assert outcomes == ["done", "last-administrator"]
