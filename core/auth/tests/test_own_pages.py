"""Signing in to auth's own pages: the steps of an app's sign-in, ending at a path that nobody can choose freely."""

from typing import Any

import pytest

from bedside.auth.sign_in.own_pages import own_path

PASSWORD = "correct horse battery staple"


async def test_a_sign_in_for_an_own_page_ends_at_that_page(flow: Any, server: Any) -> None:
    asked = await server.get("/sign-in", params={"to": "/admin/users?q=kim&page=2"})
    assert (asked.status_code, asked.headers["location"].partition("=")[0]) == (303, "/sign-in?request")
    page = await server.get(asked.headers["location"])
    assert "to Bedside" in page.text
    assert "form-action 'self';" in page.headers["content-security-policy"] + ";"
    answer = await flow.submit(page, username="admin", password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/users?q=kim&page=2")


async def test_who_is_signed_in_is_sent_on_at_once(flow: Any, server: Any) -> None:
    await flow.sign_in("admin")
    assert (await server.get("/sign-in", params={"to": "/admin"})).headers["location"] == "/admin"


async def test_a_wrong_password_leads_nowhere(flow: Any, server: Any) -> None:
    page = await server.get((await server.get("/sign-in", params={"to": "/admin"})).headers["location"])
    assert (await flow.submit(page, username="admin", password="wrong")).status_code == 401


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/admin",
        "//evil.example/admin",
        "/\\evil.example",
        "/admin//evil.example",
        "/admin/..//evil.example",
        "/admin/../authorize",
        "/admin\n/users",
        "/admin/%0d%0aSet-Cookie:x",
        "/administrator",
        "javascript:alert(1)",
        "/admin?to=https://evil.example",
        "/admin#x",
        "/admin/ü",
        "/admin/" + "x" * 500,
        "/sign-in",
        "admin",
    ],
)
async def test_attack_55_a_sign_in_leads_to_no_other_place(server: Any, elsewhere: str) -> None:
    assert own_path(elsewhere) is None
    refused = await server.get("/sign-in", params={"to": elsewhere})
    assert (refused.status_code, "location" in refused.headers) == (400, False)
    assert "This sign-in is over" in refused.text
    # The twin: the same question with a path of ours is taken.
    assert (await server.get("/sign-in", params={"to": "/admin"})).status_code == 303


async def test_nobody_can_use_the_client_that_stands_for_our_own_pages(flow: Any, server: Any) -> None:
    assert (await flow.authorize(client_id="bedside-auth", redirect_uri="/admin")).status_code == 400
    form = {"grant_type": "client_credentials", "client_id": "bedside-auth"}
    assert (await server.post("/token", data=form)).json()["error"] == "unauthorized_client"


async def test_consent_has_nothing_to_ask_about_own_pages(flow: Any, server: Any) -> None:
    asked = await server.get("/sign-in", params={"to": "/admin"})
    await flow.sign_in("admin")
    consent = asked.headers["location"].replace("/sign-in", "/consent")
    assert (await server.get(consent)).headers["location"] == "/admin"
