"""The pages: what they ask, whom they believe, and how they are closed."""

import asyncio
from typing import Any

import pytest

from bedside.auth.sign_in.lockout import delay

PASSWORD = "correct horse battery staple"
GONE = "Go back to the app and begin again."


async def test_the_page_is_a_form_that_works_without_a_script(flow: Any) -> None:
    page = await flow.sign_in_page()
    assert page.status_code == 200
    assert 'name="username"' in page.text
    assert 'name="password"' in page.text
    assert "<script" not in page.text


async def test_the_pages_are_closed(flow: Any) -> None:
    headers = (await flow.sign_in_page()).headers
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    # Chromium would stop the redirect to the app after the form otherwise.
    assert "form-action 'self' http://127.0.0.1:8000" in policy
    assert (headers["x-frame-options"], headers["referrer-policy"], headers["cache-control"]) == (
        "DENY",
        "no-referrer",
        "no-store",
    )


async def test_signing_in_answers_303_with_a_fresh_closed_session(flow: Any) -> None:
    before = await flow.sign_in()
    again = await flow.sign_in(prompt="login")
    cookies = [answer.headers["set-cookie"] for answer in (before, again)]
    assert (before.status_code, len(set(cookies))) == (303, 2)
    assert all("HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie for cookie in cookies)


@pytest.mark.parametrize("csrf", ["", "0" * 64])
async def test_a_forged_form_is_refused(flow: Any, csrf: str) -> None:
    page = await flow.sign_in_page()
    refused = await flow.submit(page, username="physician", password=PASSWORD, csrf=csrf)
    assert (refused.status_code, GONE in refused.text) == (403, True)


async def test_another_browser_cannot_answer_the_request(flow: Any, server: Any) -> None:
    page = await flow.sign_in_page()
    server.cookies.clear()
    assert (await flow.submit(page, username="physician", password=PASSWORD)).status_code == 403


async def test_a_request_is_answered_once(flow: Any) -> None:
    page = await flow.sign_in_page()
    assert (await flow.submit(page, username="physician", password=PASSWORD)).status_code == 303
    again = await flow.submit(page, username="physician", password=PASSWORD)
    assert (again.status_code, GONE in again.text) == (400, True)


async def test_a_form_that_was_sent_twice_at_once_is_answered_once(flow: Any) -> None:
    page = await flow.sign_in_page()
    twice = await asyncio.gather(*(flow.submit(page, username="physician", password=PASSWORD) for _ in range(2)))
    assert sorted(answer.status_code for answer in twice) == [303, 400]
    assert [GONE in answer.text for answer in twice if answer.status_code == 400] == [True]


async def test_a_request_waits_half_an_hour(flow: Any, clock: Any) -> None:
    page = await flow.sign_in_page()
    clock.advance(minutes=31)
    assert (await flow.submit(page, username="physician", password=PASSWORD)).status_code == 400


@pytest.mark.parametrize(
    ("username", "password"),
    [("physician", "wrong"), ("nobody", "wrong"), ("", ""), ("physician", "x" * 5000), ("phÿsician' --", "é\u2028")],
)
async def test_a_wrong_name_and_a_wrong_password_are_answered_alike(flow: Any, username: str, password: str) -> None:
    answer = await flow.sign_in(username, password)
    assert answer.status_code == 401
    assert "That username and password do not go together" in answer.text


async def test_the_name_is_shown_again_and_escaped(flow: Any) -> None:
    answer = await flow.sign_in('"><script>alert(1)</script>', "x")
    assert "<script" not in answer.text
    assert "&lt;script&gt;" in answer.text


async def test_names_are_read_without_case(flow: Any) -> None:
    assert (await flow.sign_in(" Physician ")).status_code == 303


async def test_the_name_of_an_app_is_escaped(flow: Any) -> None:
    assert "&lt;b&gt;app" in (await flow.sign_in_page()).text


async def test_after_five_failures_even_the_right_password_waits_but_not_for_ever(flow: Any, clock: Any) -> None:
    page = await flow.sign_in_page()
    for _ in range(5):
        wrong = await flow.submit(page, username="physician", password="wrong")
    locked = await flow.submit(page, username="physician", password=PASSWORD)
    assert (locked.status_code, locked.text) == (wrong.status_code, wrong.text)
    assert (await flow.submit(page, username="frontdesk", password=PASSWORD)).status_code == 303
    clock.advance(seconds=3)
    assert (await flow.sign_in(prompt="login")).status_code == 303


async def test_many_guesses_at_once_are_counted_each(flow: Any) -> None:
    page = await flow.sign_in_page()
    guesses = (flow.submit(page, username="physician", password=f"guess {n}") for n in range(12))
    assert {guess.status_code for guess in await asyncio.gather(*guesses)} == {401}
    assert (await flow.submit(page, username="physician", password=PASSWORD)).status_code == 401


async def test_only_failures_count(flow: Any) -> None:
    for _ in range(7):
        assert (await flow.sign_in(prompt="login")).status_code == 303


def test_the_delay_grows_and_ends_at_five_minutes() -> None:
    waits = [delay(failures).total_seconds() for failures in (0, 4, 5, 6, 7, 12, 13, 10_000)]
    assert waits == [0, 0, 2, 4, 8, 256, 300, 300]


async def test_an_https_issuer_gets_locked_cookies(flow: Any, authority: Any) -> None:
    from dataclasses import replace

    from starlette.requests import Request
    from starlette.responses import Response

    from bedside.auth.sign_in.browser import Browser

    secured = replace(authority, installation=replace(authority.installation, issuer="https://auth.example"))
    response = Browser(secured, Request({"type": "http", "headers": []})).remember(Response())
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("__Host-")
    assert "Secure" in cookie


async def test_a_level_that_nobody_can_reach_is_said_to_be_so(flow: Any, told: Any) -> None:
    refused = told(await flow.sign_in("physician", acr_values="phr"))
    assert refused["error"] == "unmet_authentication_requirements"
