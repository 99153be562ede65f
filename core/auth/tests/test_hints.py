"""What an app knows of the person beforehand: `login_hint`, `id_token_hint`, and requests that come as forms."""

from typing import Any

import httpx
import pytest

CALLBACK = "http://127.0.0.1:8000/callback"
PASSWORD = "correct horse battery staple"


def outcome(answer: httpx.Response) -> str:
    """`code`, the error, or the page that is shown next."""
    location = answer.headers["location"]
    if not location.startswith(CALLBACK):
        return str(location.partition("?")[0])
    query = httpx.URL(location).params
    return str(query["error"]) if "error" in query else "code"


@pytest.mark.parametrize(
    ("hint", "shown"), [("physician", "physician"), ('"><script>', "&#34;&gt;&lt;script&gt;"), ("x" * 300, "x" * 200)]
)
async def test_a_login_hint_is_typed_beforehand(flow: Any, hint: str, shown: str) -> None:
    page = await flow.sign_in_page(login_hint=hint)
    assert f'name="username" value="{shown}"' in page.text


async def test_a_hint_without_a_value_says_nothing(flow: Any) -> None:
    assert 'name="username" value=""' in (await flow.sign_in_page(login_hint="", id_token_hint="")).text
    assert outcome(await flow.sign_in("physician", login_hint="", id_token_hint="")) == "code"


async def test_a_login_hint_proves_nothing(flow: Any) -> None:
    await flow.sign_in("physician")
    assert outcome(await flow.authorize(login_hint="patient")) == "code"


async def test_a_hinted_person_who_is_signed_in_is_not_asked(flow: Any) -> None:
    hint = (await flow.tokens("physician"))["id_token"]
    assert outcome(await flow.authorize(id_token_hint=hint)) == "code"
    assert outcome(await flow.authorize(id_token_hint=hint, prompt="none")) == "code"


async def test_for_a_hinted_person_nobody_else_is_answered(flow: Any) -> None:
    hint = (await flow.tokens("physician"))["id_token"]
    await flow.sign_in("patient", prompt="login", scope="openid")
    assert outcome(await flow.authorize(id_token_hint=hint, prompt="none")) == "login_required"
    # Asked for anew, the right person may sign in, and the wrong one is told to the app.
    assert outcome(await flow.sign_in("physician", id_token_hint=hint)) == "code"
    await flow.sign_in("patient", prompt="login", scope="openid")
    assert outcome(await flow.sign_in("patient", id_token_hint=hint)) == "login_required"


async def test_a_hint_may_have_expired(flow: Any, clock: Any) -> None:
    hint = (await flow.tokens("physician"))["id_token"]
    clock.advance(minutes=10)
    assert outcome(await flow.authorize(id_token_hint=hint, prompt="none")) == "code"


@pytest.mark.parametrize("hint", ["x", "a.b.c", "an access token", "one of another app", "one that was changed"])
async def test_what_is_no_id_token_of_the_app_is_refused(flow: Any, told: Any, hint: str) -> None:
    tokens = await flow.tokens("physician")
    others = await flow.redeem(told(await flow.authorize(client_id="other"))["code"], client_id="other")
    header, claims, signature = tokens["id_token"].split(".")
    sent = {
        "an access token": tokens["access_token"],
        "one of another app": others.json()["id_token"],
        "one that was changed": f"{header}.{claims}.{signature[:-8]}AAAAAAAA",
    }.get(hint, hint)
    answer = told(await flow.authorize(id_token_hint=sent))
    assert (answer["error"], answer["error_description"]) == (
        "invalid_request",
        "id_token_hint is not an ID token of this client",
    )


async def test_a_request_that_another_site_sends_as_a_form_finds_the_person_signed_in(flow: Any, server: Any) -> None:
    await flow.sign_in("physician")
    kept = dict(server.cookies)
    # SameSite=Lax: a browser sends no cookies with such a form, and sends them again where it is redirected to.
    server.cookies.clear()
    answer = await server.post("/authorize", data=flow.request())
    assert outcome(answer) == "/sign-in"
    for name, value in kept.items():
        if name not in server.cookies:
            server.cookies.set(name, value, domain="127.0.0.1")
    assert outcome(await server.get(answer.headers["location"])) == "code"


async def test_such_a_form_that_asks_for_a_level_out_of_reach_is_answered_when_the_person_has_signed_in(
    flow: Any, server: Any
) -> None:
    await flow.sign_in("physician")
    answer = await server.post("/authorize", data=flow.request(acr_values="urn:bedside:acr:none-such"))
    assert outcome(answer) == "unmet_authentication_requirements"
    kept = dict(server.cookies)
    server.cookies.clear()
    answer = await server.post("/authorize", data=flow.request(acr_values="urn:bedside:acr:none-such"))
    for name, value in kept.items():
        if name not in server.cookies:
            server.cookies.set(name, value, domain="127.0.0.1")
    page = await server.get(answer.headers["location"])
    assert page.status_code == 200, page.text
    answer = await flow.submit(page, username="physician", password=PASSWORD)
    assert outcome(answer) == "unmet_authentication_requirements"
