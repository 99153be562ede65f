"""Refresh tokens: used once, and what follows when not."""

import asyncio
from typing import Any

import jwt as pyjwt
from sqlmodel import select

from bedside.auth.directory import user_named
from bedside.auth.revocation import deactivate_user
from bedside.auth.tables import UserRole


def reason(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"], answer.json()["error_description"]


async def test_a_refresh_gives_new_tokens_of_the_same_session(flow: Any) -> None:
    first = await flow.tokens()
    second = (await flow.refresh(first["refresh_token"])).json()
    sids = {pyjwt.decode(t["access_token"], options={"verify_signature": False})["sid"] for t in (first, second)}
    assert (second["scope"], len(sids)) == (first["scope"], 1)
    assert second["refresh_token"] != first["refresh_token"]


async def test_an_app_that_asked_for_no_access_beyond_gets_no_refresh_token(flow: Any) -> None:
    assert "refresh_token" not in await flow.tokens(scope="openid user/*.rs")


async def test_a_lost_answer_may_be_asked_for_again_at_once(flow: Any) -> None:
    token = (await flow.tokens())["refresh_token"]
    first, again = await flow.refresh(token), await flow.refresh(token)
    assert first.json()["refresh_token"] == again.json()["refresh_token"]


async def test_two_at_once_get_one_successor(flow: Any) -> None:
    token = (await flow.tokens())["refresh_token"]
    answers = await asyncio.gather(flow.refresh(token), flow.refresh(token))
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


async def test_reuse_after_the_successor_was_used_ends_everything(flow: Any, server: Any) -> None:
    tokens = await flow.tokens()
    second = (await flow.refresh(tokens["refresh_token"])).json()
    third = (await flow.refresh(second["refresh_token"])).json()
    assert reason(await flow.refresh(tokens["refresh_token"])) == (
        400,
        "invalid_grant",
        "the refresh token was used before",
    )
    assert reason(await flow.refresh(third["refresh_token"]))[2] == "the authorization has ended"
    bearer = {"Authorization": f"Bearer {third['access_token']}"}
    assert (await server.get("/userinfo", headers=bearer)).status_code == 401


async def test_reuse_after_the_grace_ends_everything(flow: Any, clock: Any) -> None:
    token = (await flow.tokens())["refresh_token"]
    second = (await flow.refresh(token)).json()["refresh_token"]
    clock.advance(seconds=11)
    assert reason(await flow.refresh(token))[2] == "the refresh token was used before"
    assert reason(await flow.refresh(second))[2] == "the authorization has ended"


async def test_a_wider_scope_is_refused_and_burns_nothing(flow: Any, clock: Any) -> None:
    token = (await flow.tokens())["refresh_token"]
    assert reason(await flow.refresh(token, scope="openid user/*.cruds"))[1] == "invalid_scope"
    clock.advance(seconds=11)
    assert (await flow.refresh(token)).status_code == 200


async def test_a_narrower_scope_holds_for_one_token(flow: Any) -> None:
    first = await flow.tokens()
    narrow = (await flow.refresh(first["refresh_token"], scope="user/Observation.r")).json()
    restored = (await flow.refresh(narrow["refresh_token"])).json()
    assert (narrow["scope"], restored["scope"]) == ("user/Observation.r", first["scope"])


async def test_another_client_is_refused_and_burns_nothing(flow: Any, clock: Any) -> None:
    token = (await flow.tokens())["refresh_token"]
    assert reason(await flow.refresh(token, client_id="other"))[2] == "the refresh token is not one of this client"
    clock.advance(seconds=11)
    assert (await flow.refresh(token)).status_code == 200


async def test_a_public_client_may_leave_out_its_name(flow: Any) -> None:
    token = (await flow.tokens())["refresh_token"]
    assert (await flow.refresh(token, client_id=None)).status_code == 200


async def test_an_idle_authorization_ends(flow: Any, clock: Any) -> None:
    token = (await flow.tokens())["refresh_token"]
    clock.advance(minutes=31)
    assert reason(await flow.refresh(token))[2] == "the refresh token has expired"


async def test_the_absolute_end_holds_however_often_it_is_refreshed(flow: Any, clock: Any) -> None:
    token = (await flow.tokens())["refresh_token"]
    for _ in range(28):
        clock.advance(minutes=25)
        token = (await flow.refresh(token)).json()["refresh_token"]
    clock.advance(minutes=25)
    assert reason(await flow.refresh(token))[2] == "the refresh token has expired"


async def test_offline_access_outlives_the_day(flow: Any, clock: Any) -> None:
    token = (await flow.tokens(scope="openid offline_access user/*.rs"))["refresh_token"]
    clock.advance(days=89)
    assert (await flow.refresh(token)).status_code == 200


async def test_a_deactivated_person_is_dead_everywhere(flow: Any, authority: Any, server: Any) -> None:
    tokens = await flow.tokens()
    with authority.units.unit() as session:
        deactivate_user(authority, session, user_named(session, "physician"))
    assert reason(await flow.refresh(tokens["refresh_token"]))[:2] == (400, "invalid_grant")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await server.get("/userinfo", headers=bearer)).status_code == 401
    assert (await flow.exchange(tokens["access_token"])).json()["error"] == "invalid_grant"
    assert (await flow.authorize()).headers["location"].startswith("/sign-in")


async def test_a_role_that_was_taken_away_gives_nothing_any_more(flow: Any, authority: Any) -> None:
    token = (await flow.tokens(scope="online_access user/*.rs"))["refresh_token"]
    with authority.units.unit() as session:
        user = user_named(session, "physician")
        for held in session.exec(select(UserRole).where(UserRole.user_id == user.id)):
            session.delete(held)
    assert reason(await flow.refresh(token))[1] == "invalid_scope"
