"""Refresh tokens: used once, and what follows when not."""

from typing import Any

import jwt as pyjwt


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


async def test_a_public_client_may_leave_out_its_name(flow: Any) -> None:
    token = (await flow.tokens())["refresh_token"]
    assert (await flow.refresh(token, client_id=None)).status_code == 200


async def test_an_idle_authorization_ends(flow: Any, clock: Any) -> None:
    token = (await flow.tokens())["refresh_token"]
    clock.advance(minutes=31)
    assert reason(await flow.refresh(token))[2] == "the refresh token has expired"


async def test_offline_access_outlives_the_day(flow: Any, clock: Any) -> None:
    token = (await flow.tokens(scope="openid offline_access user/*.rs"))["refresh_token"]
    clock.advance(days=89)
    assert (await flow.refresh(token)).status_code == 200


async def test_online_access_ends_when_somebody_else_signs_in_at_that_browser(flow: Any) -> None:
    online = await flow.tokens(scope="openid online_access user/*.rs")
    offline = await flow.tokens(scope="openid offline_access user/*.rs", prompt="login")
    assert (await flow.refresh(online["refresh_token"])).status_code == 200
    await flow.sign_in("frontdesk", prompt="login")
    another = await flow.tokens(scope="openid online_access user/*.rs", prompt="login")
    assert reason(await flow.refresh(online["refresh_token"]))[1] == "invalid_grant"
    assert (await flow.refresh(offline["refresh_token"])).status_code == 200
    assert (await flow.refresh(another["refresh_token"])).status_code == 200
