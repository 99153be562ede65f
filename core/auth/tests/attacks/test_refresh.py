"""Attacks 34 to 39: refresh tokens that were stolen, widened, or outlived what they were granted for."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bedside.auth.consent import withdraw_consent
from bedside.auth.directory import (
    Actor,
    deactivate,
    grant_proxy,
    grant_role,
    set_password,
    user_named,
    withdraw_role,
)
from bedside.auth.tables import Consent

OPERATOR = Actor.operator()
PASSWORD = "correct horse battery staple"
ENDED = (400, "invalid_grant", "the authorization has ended")


def reason(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"], answer.json()["error_description"]


async def is_dead(server: Any, tokens: Any) -> bool:
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    return (await server.get("/userinfo", headers=bearer)).status_code == 401


async def test_attack_34_reuse_after_the_successor_was_used_ends_the_family(flow: Any, server: Any) -> None:
    tokens = await flow.tokens()
    second = (await flow.refresh(tokens["refresh_token"])).json()
    third = (await flow.refresh(second["refresh_token"])).json()
    assert not await is_dead(server, third)
    assert reason(await flow.refresh(tokens["refresh_token"])) == (
        400,
        "invalid_grant",
        "the refresh token was used before",
    )
    assert reason(await flow.refresh(third["refresh_token"])) == ENDED
    assert [await is_dead(server, each) for each in (tokens, second, third)] == [True, True, True]


async def test_attack_34_reuse_after_the_grace_ends_the_family(flow: Any, server: Any, clock: Any) -> None:
    token = (await flow.tokens())["refresh_token"]
    second = (await flow.refresh(token)).json()
    clock.advance(seconds=11)
    assert reason(await flow.refresh(token))[2] == "the refresh token was used before"
    assert reason(await flow.refresh(second["refresh_token"])) == ENDED
    assert await is_dead(server, second)


async def test_attack_34_a_reuse_ends_no_other_authorization(flow: Any, server: Any, clock: Any) -> None:
    tokens, others = (
        await flow.tokens(),
        (await flow.redeem((await flow.authorize()).headers["location"].split("code=")[1].split("&")[0])).json(),
    )
    await flow.refresh(tokens["refresh_token"])
    clock.advance(seconds=11)
    assert (await flow.refresh(tokens["refresh_token"])).status_code == 400
    assert not await is_dead(server, others)
    assert (await flow.refresh(others["refresh_token"])).status_code == 200


async def test_attack_34_a_lost_answer_may_be_asked_for_again_within_the_grace(flow: Any, clock: Any) -> None:
    token = (await flow.tokens())["refresh_token"]
    first = await flow.refresh(token)
    clock.advance(seconds=9)
    again = await flow.refresh(token)
    assert (again.status_code, again.json()["refresh_token"]) == (200, first.json()["refresh_token"])


async def test_attack_35_two_at_once_get_one_successor(flow: Any) -> None:
    token = (await flow.tokens())["refresh_token"]
    answers = await asyncio.gather(*(flow.refresh(token) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    (successor,) = {answer.json()["refresh_token"] for answer in answers}
    assert (await flow.refresh(successor)).status_code == 200


@pytest.mark.parametrize(
    "scope", ["openid user/*.cruds", "user/*.rs offline_access", "system/*.rs", "user/AuditEvent.rs", "users.manage"]
)
async def test_attack_36_a_wider_scope_is_refused_and_burns_nothing(flow: Any, clock: Any, scope: str) -> None:
    token = (await flow.tokens())["refresh_token"]
    assert reason(await flow.refresh(token, scope=scope)) == (
        400,
        "invalid_scope",
        "more was asked for than was authorized",
    )
    clock.advance(seconds=11)
    assert (await flow.refresh(token)).status_code == 200


async def test_attack_36_a_narrower_scope_holds_for_one_token_and_is_then_restored(flow: Any) -> None:
    first = await flow.tokens()
    narrow = (await flow.refresh(first["refresh_token"], scope="user/Observation.r")).json()
    restored = (await flow.refresh(narrow["refresh_token"])).json()
    assert (narrow["scope"], restored["scope"]) == ("user/Observation.r", first["scope"])


async def test_attack_36_a_scope_that_says_nothing_burns_nothing(flow: Any, clock: Any) -> None:
    token = (await flow.tokens())["refresh_token"]
    assert reason(await flow.refresh(token, scope="online_access"))[1] == "invalid_scope"
    clock.advance(seconds=11)
    assert (await flow.refresh(token)).status_code == 200


async def test_attack_37_another_client_is_refused_and_burns_nothing(flow: Any, clock: Any) -> None:
    token = (await flow.tokens())["refresh_token"]
    assert reason(await flow.refresh(token, client_id="other")) == (
        400,
        "invalid_grant",
        "the refresh token is not one of this client",
    )
    clock.advance(seconds=11)
    assert (await flow.refresh(token)).status_code == 200


async def test_attack_38_a_disabled_user_is_dead_everywhere(flow: Any, authority: Any, server: Any) -> None:
    tokens = await flow.tokens()
    assert not await is_dead(server, tokens)
    with authority.units.unit() as session:
        deactivate(authority, session, OPERATOR, user_named(session, "physician"))
    assert reason(await flow.refresh(tokens["refresh_token"])) == ENDED
    assert await is_dead(server, tokens)
    assert (await flow.exchange(tokens["access_token"])).json()["error"] == "invalid_grant"
    assert (await flow.authorize()).headers["location"].startswith("/sign-in")


async def test_attack_38_a_user_who_was_disabled_behind_our_back_is_dead(flow: Any, authority: Any) -> None:
    tokens = await flow.tokens()
    with authority.units.unit() as session:
        user_named(session, "physician").active = False
    assert reason(await flow.refresh(tokens["refresh_token"]))[1:] == (
        "invalid_grant",
        "the person may no longer sign in",
    )
    with authority.units.unit() as session:
        user_named(session, "physician").active = True
    assert reason(await flow.refresh(tokens["refresh_token"])) == ENDED


async def test_attack_38_a_new_password_ends_what_the_old_one_gave(flow: Any, authority: Any, server: Any) -> None:
    tokens = await flow.tokens(scope="openid offline_access user/*.rs")
    with authority.units.unit() as session:
        same_password = authority.passwords.hash(PASSWORD)
        set_password(authority, session, OPERATOR, user_named(session, "physician"), same_password)
    assert reason(await flow.refresh(tokens["refresh_token"])) == ENDED
    assert await is_dead(server, tokens)
    assert (await flow.refresh((await flow.tokens())["refresh_token"])).status_code == 200


async def test_attack_38_a_role_that_was_taken_away_ends_what_it_was_granted_with(
    flow: Any, authority: Any, server: Any
) -> None:
    tokens = await flow.tokens()
    with authority.units.unit() as session:
        user = user_named(session, "physician")
        grant_role(authority, session, OPERATOR, user, "nurse")
    # A role that came in addition ends nothing.
    refreshed = await flow.refresh(tokens["refresh_token"])
    assert refreshed.status_code == 200
    with authority.units.unit() as session:
        withdraw_role(authority, session, OPERATOR, user_named(session, "physician"), "physician")
    assert reason(await flow.refresh(refreshed.json()["refresh_token"])) == ENDED
    assert await is_dead(server, refreshed.json())


async def test_attack_38_a_role_that_ran_out_ends_what_it_was_granted_with(
    flow: Any, authority: Any, server: Any, clock: Any
) -> None:
    with authority.units.unit() as session:
        user, until = user_named(session, "physician"), clock.now() + timedelta(minutes=10)
        grant_role(authority, session, OPERATOR, user, "nurse", until=until)
    token = (await flow.tokens())["refresh_token"]
    clock.advance(minutes=9)
    refreshed = (await flow.refresh(token)).json()
    clock.advance(minutes=2)
    assert reason(await flow.refresh(refreshed["refresh_token"])) == (
        400,
        "invalid_grant",
        "a role it was granted with is held no longer",
    )
    assert await is_dead(server, refreshed)


async def test_attack_38_a_patient_whom_a_proxy_stands_for_no_more_is_out_of_reach(
    flow: Any, told: Any, authority: Any, server: Any, clock: Any
) -> None:
    with authority.units.unit() as session:
        user, until = user_named(session, "patient"), clock.now() + timedelta(minutes=10)
        grant_proxy(authority, session, OPERATOR, user, "p2", until=until)
    answer = await flow.sign_in("patient", scope="launch/patient online_access patient/*.rs")
    page = await server.get(answer.headers["location"])
    tokens = (await flow.redeem(told(await flow.submit(page, "/patient", patient="p2"))["code"])).json()
    clock.advance(minutes=9)
    refreshed = (await flow.refresh(tokens["refresh_token"])).json()
    assert refreshed["patient"] == "p2"
    clock.advance(minutes=2)
    assert reason(await flow.refresh(refreshed["refresh_token"])) == (
        400,
        "invalid_grant",
        "the patient is not one of this person any more",
    )
    assert await is_dead(server, refreshed)


async def consented(flow: Any, told: Any) -> Any:
    """What an app of others was given."""
    scope = ["openid", "online_access", "user/Patient.rs", "user/Condition.rs"]
    answer = await flow.sign_in(client_id="foreign", scope=" ".join(scope))
    page = await flow.browser.get(answer.headers["location"])
    code = told(await flow.submit(page, "/consent", decision="allow", scope=scope))["code"]
    return (await flow.redeem(code, client_id="foreign")).json()


@pytest.mark.parametrize("told_to_services", [True, False])
async def test_attack_38_a_withdrawn_consent_is_dead(
    flow: Any, told: Any, authority: Any, server: Any, told_to_services: bool
) -> None:
    tokens = await consented(flow, told)
    refreshed = await flow.refresh(tokens["refresh_token"], client_id="foreign")
    assert refreshed.status_code == 200
    with authority.units.unit() as session:
        user_id = user_named(session, "physician").id
        if told_to_services:
            withdraw_consent(authority, session, user_id=user_id, client_id="foreign", by=user_id)
        else:
            session.delete(session.get(Consent, (user_id, "foreign")))
    refused = await flow.refresh(refreshed.json()["refresh_token"], client_id="foreign")
    assert reason(refused) == (ENDED if told_to_services else (400, "invalid_grant", "the consent was withdrawn"))
    assert await is_dead(server, tokens)


async def test_attack_38_what_is_left_of_a_consent_is_what_a_refresh_gives(flow: Any, told: Any) -> None:
    tokens = await consented(flow, told)
    again = await flow.authorize(client_id="foreign", scope="user/Condition.rs user/Goal.rs")
    page = await flow.browser.get(again.headers["location"])
    await flow.submit(page, "/consent", decision="allow", scope=["user/Goal.rs"])
    refreshed = await flow.refresh(tokens["refresh_token"], client_id="foreign")
    assert refreshed.json()["scope"] == "openid online_access user/Patient.rs"


async def test_attack_39_the_absolute_end_holds_however_often_it_is_refreshed(flow: Any, clock: Any) -> None:
    token = (await flow.tokens())["refresh_token"]
    for _ in range(28):
        clock.advance(minutes=25)
        answer = await flow.refresh(token)
        assert answer.status_code == 200
        token = answer.json()["refresh_token"]
    clock.advance(minutes=25)
    assert reason(await flow.refresh(token)) == (400, "invalid_grant", "the refresh token has expired")


async def test_attack_39_offline_access_ends_after_a_year(flow: Any, clock: Any) -> None:
    token = (await flow.tokens(scope="openid offline_access user/*.rs"))["refresh_token"]
    for _ in range(4):
        clock.advance(days=89)
        token = (await flow.refresh(token)).json()["refresh_token"]
    clock.advance(days=10)
    assert reason(await flow.refresh(token))[2] == "the refresh token has expired"


async def test_attack_39_a_token_near_the_end_does_not_outlive_it(flow: Any, clock: Any) -> None:
    token = (await flow.tokens(scope="openid offline_access user/*.rs"))["refresh_token"]
    for days in (89, 89, 89, 89):
        clock.advance(days=days)
        token = (await flow.refresh(token)).json()["refresh_token"]
    clock.advance(days=8, hours=23, minutes=58)
    assert (await flow.refresh(token)).json()["expires_in"] <= 120
