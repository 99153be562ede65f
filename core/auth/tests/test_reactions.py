"""What the directory does about facts of the patients service, as they come: also twice, late, and out of turn."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from bedside.auth.authority import Authority
from bedside.auth.directory import (
    Actor,
    Details,
    MergedInCircle,
    administering,
    change_user,
    create_user,
    grant_proxy,
    keep_user,
    patients_of,
    reactivate,
    user_named,
)
from bedside.auth.reactions.deactivate_account import deactivate_account
from bedside.auth.reactions.following import Following
from bedside.auth.reactions.repoint_account import repoint_account
from bedside.auth.reactions.revoke_proxy_grants import revoke_proxy_grants
from bedside.auth.tables import AuditEvent, GrantFamily, User
from bedside.events import Event, Fact
from bedside.events.catalog import ConsentChanged, EventData, PatientMerged, PatientUnmerged, PractitionerChanged
from bedside.events.envelope import envelope, new_event_id

NOW = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
OPERATOR = Actor.operator()


def fact(data: EventData, subject: str, version: int) -> Event:
    told = Fact(data, subject, version)
    body = envelope(told, source="/patients", event_id=new_event_id(NOW), sequence=version, now=NOW, correlation_id="c")
    return Event.parse(body)


def merged(retired: str, survivor: str, version: int = 2) -> Event:
    return fact(PatientMerged(survivor=f"Patient/{survivor}"), f"Patient/{retired}", version)


def unmerged(restored: str, survivor: str, version: int = 3) -> Event:
    return fact(PatientUnmerged(survivor=f"Patient/{survivor}"), f"Patient/{restored}", version)


def practises(practitioner: str, active: bool, version: int = 2) -> Event:
    return fact(PractitionerChanged(active=active), f"Practitioner/{practitioner}", version)


def consent(status: str, version: int = 2) -> Event:
    return fact(ConsentChanged(status=status, scope="patient-privacy"), "Consent/c1", version)


async def hear(authority: Authority, following: Following, *events: Event) -> None:
    reaction = following.of(authority)
    assert reaction.prepare is not None
    for event in events:
        await reaction.prepare(event)


def account(authority: Authority, username: str, patient: str) -> None:
    with authority.units.unit() as session:
        keep_user(
            session,
            username=username,
            name=username,
            password_hash="",
            roles=["patient"],
            fhir_user=f"Patient/{patient}",
            patient=patient,
            now=authority.clock.now(),
        )


def user_of(authority: Authority, username: str) -> User:
    with authority.units.reading() as session:
        user = user_named(session, username)
    assert user is not None
    return user


def act_for(authority: Authority, username: str, patient: str, **more: Any) -> None:
    with administering(authority, OPERATOR) as session:
        user = user_named(session, username)
        assert user is not None
        grant_proxy(authority, session, OPERATOR, user, patient, **more)


def acts_for(authority: Authority, username: str) -> list[str]:
    with authority.units.reading() as session:
        user = user_named(session, username)
        assert user is not None
        return [grant.patient for grant in patients_of(session, user, now=authority.clock.now())]


def noted(authority: Authority, action: str) -> list[dict[str, Any]]:
    with authority.units.reading() as session:
        rows = session.exec(
            select(AuditEvent).where(AuditEvent.action == action).order_by(col(AuditEvent.recorded_at))
        ).all()
        return [{"entity": row.entity, "outcome": row.outcome, **row.detail} for row in rows]


async def test_who_is_a_merged_patient_is_the_survivor_and_signs_in_anew(authority: Authority, flow: Any) -> None:
    tokens = await flow.tokens("patient", scope="openid offline_access patient/*.rs")
    await hear(authority, repoint_account, merged("p1", "p9"))
    user = user_of(authority, "patient")
    assert (user.patient, user.fhir_user) == ("p9", "Patient/p9")
    refused = await flow.refresh(tokens["refresh_token"])
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert noted(authority, "account-repointed") == [
        {"entity": f"User/{user.id}", "outcome": "success", "via": "reaction"}
    ]


async def test_who_is_another_patient_stays_signed_in(authority: Authority, flow: Any) -> None:
    tokens = await flow.tokens("patient", scope="openid offline_access patient/*.rs")
    await hear(authority, repoint_account, merged("p2", "p9"))
    assert user_of(authority, "patient").patient == "p1"
    assert (await flow.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize(
    ("events", "places"),
    [
        ([merged("a", "b")], {"a": "b", "b": "b", "c": "c"}),
        ([merged("a", "b"), merged("a", "b")], {"a": "b", "b": "b", "c": "c"}),
        ([merged("a", "b"), merged("b", "c")], {"a": "c", "b": "c", "c": "c"}),
        ([merged("b", "c"), merged("a", "b")], {"a": "c", "b": "c", "c": "c"}),
        ([merged("a", "b"), merged("a", "c", 3)], {"a": "c", "b": "b", "c": "c"}),
        ([merged("a", "b"), unmerged("a", "b")], {"a": "a", "b": "b", "c": "c"}),
        ([unmerged("a", "b"), merged("a", "b")], {"a": "a", "b": "b", "c": "c"}),
        ([merged("a", "b"), merged("b", "c"), unmerged("b", "c")], {"a": "b", "b": "b", "c": "c"}),
        ([merged("a", "b"), merged("b", "c"), unmerged("a", "b")], {"a": "a", "b": "c", "c": "c"}),
        ([merged("a", "b"), unmerged("a", "b"), merged("a", "b", 4)], {"a": "b", "b": "b", "c": "c"}),
    ],
)
async def test_accounts_and_proxies_stand_at_the_record_that_goes_on(
    authority: Authority, events: list[Event], places: dict[str, str]
) -> None:
    for patient in places:
        account(authority, f"is-{patient}", patient)
        account(authority, f"for-{patient}", "someone")
        act_for(authority, f"for-{patient}", patient)
    await hear(authority, repoint_account, *events)
    assert {patient: user_of(authority, f"is-{patient}").patient for patient in places} == places
    assert {patient: acts_for(authority, f"for-{patient}") for patient in places} == {
        patient: [place] for patient, place in places.items()
    }


async def test_who_may_act_for_both_keeps_each_right_with_its_own_end(authority: Authority) -> None:
    account(authority, "daughter", "someone")
    act_for(authority, "daughter", "a", until=authority.clock.now() + timedelta(days=1))
    act_for(authority, "daughter", "b")
    await hear(authority, repoint_account, merged("a", "b"))
    assert acts_for(authority, "daughter") == ["a", "b"]


async def test_a_circle_is_refused_whole_and_tried_again_later(authority: Authority) -> None:
    account(authority, "is-a", "a")
    await hear(authority, repoint_account, merged("a", "b"))
    for _ in range(2):
        with pytest.raises(MergedInCircle):
            await hear(authority, repoint_account, merged("b", "a"))
    assert user_of(authority, "is-a").patient == "b"


async def test_who_names_a_retired_record_afterwards_means_the_survivor_until_the_merge_is_undone(
    authority: Authority,
) -> None:
    account(authority, "is-a", "a")
    account(authority, "daughter", "someone")
    await hear(authority, repoint_account, merged("a", "b"))
    act_for(authority, "daughter", "a")
    with administering(authority, OPERATOR) as session:
        details = Details("is-a", "Changed", fhir_user="Patient/a")
        user = user_named(session, "is-a")
        assert user is not None
        change_user(authority, session, OPERATOR, user, details)
        create_user(authority, session, OPERATOR, replace(details, username="also-a"))
    standing = [user_of(authority, name) for name in ("is-a", "also-a")]
    assert [(user.fhir_user, user.patient) for user in standing] == [("Patient/b", "b")] * 2
    assert acts_for(authority, "daughter") == ["b"]
    await hear(authority, repoint_account, unmerged("a", "b"))
    assert [user_of(authority, name).patient for name in ("is-a", "also-a")] == ["a", "a"]
    assert acts_for(authority, "daughter") == ["a"]


async def test_what_an_administrator_linked_since_is_not_moved_back(authority: Authority) -> None:
    account(authority, "daughter", "someone")
    act_for(authority, "daughter", "a")
    await hear(authority, repoint_account, merged("a", "b"))
    act_for(authority, "daughter", "b")
    await hear(authority, repoint_account, unmerged("a", "b"))
    assert acts_for(authority, "daughter") == ["b"]


async def test_who_practises_no_longer_is_out_and_comes_back_by_hand_only(authority: Authority, flow: Any) -> None:
    await flow.tokens("physician", scope="openid offline_access user/*.rs")
    await hear(authority, deactivate_account, practises("physician", False))
    assert not user_of(authority, "physician").active
    with authority.units.reading() as session:
        assert [family.ended_at is not None for family in session.exec(select(GrantFamily))] == [True]
    await hear(authority, deactivate_account, practises("physician", True, 3))
    assert not user_of(authority, "physician").active


async def test_old_news_of_a_practitioner_deactivates_nobody_again(authority: Authority) -> None:
    await hear(authority, deactivate_account, practises("physician", False))
    with administering(authority, OPERATOR) as session:
        user = user_named(session, "physician")
        assert user is not None
        reactivate(authority, session, OPERATOR, user)
    await hear(authority, deactivate_account, practises("physician", False), practises("physician", False, 1))
    assert user_of(authority, "physician").active
    await hear(authority, deactivate_account, practises("physician", False, 3))
    assert not user_of(authority, "physician").active


@pytest.mark.parametrize("event", [practises("physician", True), practises("somebody-else", False)])
async def test_who_practises_stays(authority: Authority, event: Event) -> None:
    await hear(authority, deactivate_account, event)
    assert user_of(authority, "physician").active


async def test_the_last_administrator_stays_whatever_their_record_says_and_that_is_noted(authority: Authority) -> None:
    await hear(authority, deactivate_account, practises("admin", False))
    user = user_of(authority, "admin")
    assert user.active
    assert noted(authority, "administration") == [
        {"entity": f"User/{user.id}", "outcome": "refused", "via": "reaction", "reason": "last-administrator"}
    ]


@pytest.mark.parametrize("status", ["inactive", "rejected", "entered-in-error", "draft", "proposed", "deleted"])
async def test_a_proxy_ends_with_the_consent_it_rests_on(authority: Authority, status: str) -> None:
    account(authority, "daughter", "someone")
    act_for(authority, "daughter", "a", consent="c1")
    act_for(authority, "daughter", "b", consent="c2")
    act_for(authority, "daughter", "c")
    await hear(authority, revoke_proxy_grants, consent(status))
    assert acts_for(authority, "daughter") == ["b", "c"]
    await hear(authority, revoke_proxy_grants, consent("active", 3))
    assert acts_for(authority, "daughter") == ["b", "c"]


async def test_a_consent_that_holds_and_old_news_of_it_change_nothing(authority: Authority) -> None:
    account(authority, "daughter", "someone")
    act_for(authority, "daughter", "a", consent="c1")
    await hear(authority, revoke_proxy_grants, consent("active", 2), consent("inactive", 1))
    assert acts_for(authority, "daughter") == ["a"]


async def test_a_proxy_that_ends_is_signed_out(authority: Authority, flow: Any) -> None:
    act_for(authority, "patient", "a", consent="c1")
    tokens = await flow.tokens("patient", scope="openid offline_access patient/*.rs")
    await hear(authority, revoke_proxy_grants, consent("inactive"))
    assert (await flow.refresh(tokens["refresh_token"])).status_code == 400
