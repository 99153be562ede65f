"""`/end_session`: who may sign a person out, what ends then, and where the browser goes."""

from typing import Any

import pytest
from sqlmodel import col, select

from bedside.auth.directory import user_named
from bedside.auth.tables import AuditEvent

HOME = "http://127.0.0.1:8000/"


async def asked_to_sign_out(server: Any, tokens: Any, **more: str) -> Any:
    hint = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": HOME}
    return await server.get("/end_session", params=hint | more)


async def test_signing_out_asks_unless_the_app_proves_itself(flow: Any, server: Any) -> None:
    tokens = await flow.tokens()
    page = await server.get("/end_session")
    assert (page.status_code, "Sign out?" in page.text) == (200, True)
    assert (await server.post("/end_session", data={"csrf": "x"})).status_code == 403
    out = await server.get(
        "/end_session",
        params={"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": "http://127.0.0.1:8000/"},
    )
    assert (out.status_code, out.headers["location"]) == (303, "http://127.0.0.1:8000/")
    assert (await flow.authorize()).headers["location"].startswith("/sign-in")
    assert (await flow.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await server.get("/userinfo", headers=bearer)).status_code == 401


async def test_signing_out_by_the_form_ends_the_session(flow: Any, server: Any) -> None:
    await flow.tokens()
    page = await server.get("/end_session")
    assert "You are signed out" in (await flow.submit(page, "/end_session")).text
    assert (await flow.authorize()).headers["location"].startswith("/sign-in")


async def test_signing_out_leads_nowhere_else(flow: Any, server: Any) -> None:
    tokens = await flow.tokens()
    out = await server.get(
        "/end_session",
        params={"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": "https://evil.example/"},
    )
    assert (out.status_code, "location" in out.headers) == (200, False)


@pytest.mark.parametrize(
    "address", [HOME[:-1], HOME + "?", HOME + "#x", "HTTP://127.0.0.1:8000/", "http://127.0.0.1:8000.evil.example/", ""]
)
async def test_the_address_to_go_to_is_a_registered_one_letter_by_letter(flow: Any, server: Any, address: str) -> None:
    out = await asked_to_sign_out(server, await flow.tokens(), post_logout_redirect_uri=address)
    assert (out.status_code, "location" in out.headers) == (200, False)


@pytest.mark.parametrize(
    ("state", "query"),
    [("s1", "?state=s1"), ("a b/c=d&e", "?state=a+b%2Fc%3Dd%26e"), ("\r\nX: y", "?state=%0D%0AX%3A+y")],
)
async def test_any_state_comes_back_as_it_was_sent(flow: Any, server: Any, state: str, query: str) -> None:
    out = await asked_to_sign_out(server, await flow.tokens(), state=state)
    assert (out.status_code, out.headers["location"]) == (303, HOME + query)


@pytest.mark.parametrize("hint", ["", "x", "a.b.c", "an access token"])
async def test_what_is_no_id_token_of_ours_is_no_proof(flow: Any, server: Any, hint: str) -> None:
    tokens = await flow.tokens()
    tokens["id_token"] = tokens["access_token"] if hint == "an access token" else hint
    out = await asked_to_sign_out(server, tokens)
    assert (out.status_code, "Sign out?" in out.text) == (200, True)
    assert "code=" in (await flow.authorize()).headers["location"]


async def test_another_persons_id_token_signs_nobody_out_unasked(flow: Any, server: Any) -> None:
    others = await flow.tokens("frontdesk")
    server.cookies.clear()
    own = await flow.tokens("physician")

    out = await asked_to_sign_out(server, others)
    assert (out.status_code, "Sign out?" in out.text) == (200, True)
    assert "code=" in (await flow.authorize()).headers["location"]
    assert (await flow.refresh(own["refresh_token"])).status_code == 200
    assert (await flow.submit(out, "/end_session")).status_code == 200
    assert (await flow.authorize()).headers["location"].startswith("/sign-in")


async def test_an_id_token_that_has_expired_still_signs_out(flow: Any, server: Any, clock: Any) -> None:
    tokens = await flow.tokens()
    clock.advance(minutes=10)
    assert (await asked_to_sign_out(server, tokens)).headers["location"] == HOME
    assert (await flow.authorize()).headers["location"].startswith("/sign-in")


async def test_signing_out_spares_what_works_while_the_person_is_away(flow: Any, server: Any) -> None:
    offline = await flow.tokens(scope="openid offline_access user/*.rs")
    online = await flow.tokens(prompt="login")
    await asked_to_sign_out(server, online)
    assert (await flow.refresh(online["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await flow.refresh(offline["refresh_token"])).status_code == 200


async def test_signing_out_is_told_to_the_access_log(flow: Any, server: Any, authority: Any) -> None:
    await asked_to_sign_out(server, await flow.tokens())
    with authority.units.reading() as session:
        told = session.exec(select(AuditEvent).where(col(AuditEvent.action) == "sign-out")).all()
        assert [row.user_id for row in told] == [user_named(session, "physician").id]
