"""Attacks on pushed authorization requests (25, 26). https://www.rfc-editor.org/rfc/rfc9126"""

import asyncio
from typing import Any

import pytest
from sqlmodel import select

from bedside.auth.pushed import PUSHED_LIFE
from bedside.auth.tables import Client, PushedRequest

TOO_LATE = "was begun too long ago, or was opened already."


async def pushed(flow: Any, **changed: Any) -> str:
    answer = await flow.browser.post("/par", data=flow.request(**changed))
    assert (answer.status_code, answer.json()["expires_in"]) == (201, 60), answer.text
    assert answer.headers["cache-control"] == "no-store"
    name: str = answer.json()["request_uri"]
    return name


async def opened(flow: Any, name: str, client_id: str = "app", **more: str) -> tuple[int, str]:
    """The status, and where the browser is sent or what it is told."""
    answer = await flow.browser.get("/authorize", params={"client_id": client_id, "request_uri": name} | more)
    return answer.status_code, answer.headers.get("location") or answer.text


async def signed_in(flow: Any, location: str, typed: Any) -> Any:
    page = await flow.browser.get(location)
    return typed(await flow.submit(page, username="physician", password="correct horse battery staple"))


@pytest.mark.parametrize("kind", ["foreign", "reused", "old", "unknown", "two", "of nobody"])
async def test_attack_25_a_pushed_request_that_is_not_to_be_had(flow: Any, clock: Any, told: Any, kind: str) -> None:
    name = await pushed(flow)
    if kind == "foreign":
        status, text = await opened(flow, name, "other")
        assert (status, TOO_LATE in text) == (400, True)
        # It was not burnt: its owner still gets in.
        assert (await opened(flow, name))[0] == 303
        return
    if kind == "reused":
        status, location = await opened(flow, name)
        assert (status, "code" in await signed_in(flow, location, told)) == (303, True)
    elif kind == "old":
        clock.advance(seconds=PUSHED_LIFE.total_seconds() + 1)
    elif kind == "unknown":
        name = name[:-1] + ("A" if name[-1] != "A" else "B")
    address = f"/authorize?client_id=app&request_uri={name}" + (f"&request_uri={name}" if kind == "two" else "")
    answer = await flow.browser.get(address if kind != "of nobody" else f"/authorize?request_uri={name}")
    assert (answer.status_code, TOO_LATE in answer.text) == (400, True)
    assert "location" not in answer.headers
    assert (await opened(flow, await pushed(flow)))[0] == 303


async def test_a_pushed_request_is_good_until_its_last_second(flow: Any, clock: Any, told: Any) -> None:
    name = await pushed(flow)
    clock.advance(seconds=PUSHED_LIFE.total_seconds() - 1)
    status, location = await opened(flow, name)
    assert (status, set(await signed_in(flow, location, told))) == (303, {"code", "state", "iss"})


async def test_attack_25_of_two_browsers_at_once_one_gets_the_pushed_request(flow: Any) -> None:
    name = await pushed(flow)
    answers = await asyncio.gather(*(opened(flow, name) for _ in range(4)))
    assert sorted(status for status, _ in answers) == [303, 400, 400, 400]


async def test_attack_25_the_browser_changes_nothing_of_what_was_pushed(flow: Any, told: Any) -> None:
    name = await pushed(flow, scope="openid user/Patient.rs", state="pushed")
    _, location = await opened(flow, name, scope="user/*.cruds", state="other", redirect_uri="https://evil.example/")
    answer = await signed_in(flow, location, told)
    assert answer["state"] == "pushed"
    assert (await flow.redeem(answer["code"])).json()["scope"] == "openid user/Patient.rs"


@pytest.mark.parametrize("prove", [False, True])
async def test_attack_26_a_client_bound_to_pushing_without_it(
    flow: Any, authority: Any, told: Any, prove: bool
) -> None:
    with authority.units.unit() as session:
        session.get_one(Client, "app").bound_to_par = prove
    answer = await flow.authorize()
    if not prove:
        assert answer.headers["location"].startswith("/sign-in")
        return
    assert told(answer) == {
        "error": "invalid_request",
        "error_description": "this client pushes its requests first",
        "state": "st",
        "iss": "http://127.0.0.1:8003",
    }
    # An address of its own is no pushed request either.
    assert told(await flow.authorize(request_uri="https://app.example/request"))["error"] == "invalid_request"
    status, location = await opened(flow, await pushed(flow))
    assert (status, "code" in await signed_in(flow, location, told)) == (303, True)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"redirect_uri": "https://evil.example/"}, (400, "invalid_request")),
        ({"redirect_uri": None}, (400, "invalid_request")),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, (400, "request_uri_not_supported")),
        ({"request": "e30.e30."}, (400, "request_not_supported")),
        ({"code_challenge": None}, (400, "invalid_request")),
        ({"code_challenge_method": "plain"}, (400, "invalid_request")),
        ({"response_type": "token"}, (400, "unsupported_response_type")),
        ({"scope": None}, (400, "invalid_scope")),
        ({"aud": "https://evil.example/fhir"}, (400, "invalid_request")),
        ({"dpop_jkt": "short"}, (400, "invalid_request")),
        ({"client_id": "unheard-of"}, (401, "invalid_client")),
        ({"client_id": "poster"}, (401, "invalid_client")),
        ({"client_id": None}, (401, "invalid_client")),
    ],
)
async def test_what_authorize_would_refuse_is_not_kept(flow: Any, authority: Any, changed: Any, expected: Any) -> None:
    answer = await flow.browser.post("/par", data=flow.request(**changed))
    assert (answer.status_code, answer.json()["error"]) == expected
    with authority.units.reading() as session:
        assert session.exec(select(PushedRequest)).all() == []


async def test_secrets_of_a_client_are_not_kept_with_what_it_pushes(flow: Any, authority: Any) -> None:
    with authority.units.unit() as session:
        client = session.get_one(Client, "poster")
        client.grant_types = ["authorization_code"]
        client.redirect_uris, client.scope = [flow.request()["redirect_uri"]], "openid user/*.rs"
    await pushed(flow, client_id="poster", client_secret="poster-secret")
    with authority.units.reading() as session:
        kept = session.exec(select(PushedRequest)).one()
    assert kept.parameters == flow.request(client_id="poster")


async def test_old_pushed_requests_are_forgotten(flow: Any, authority: Any, clock: Any) -> None:
    for _ in range(3):
        await pushed(flow)
    clock.advance(minutes=2)
    await pushed(flow)
    with authority.units.reading() as session:
        assert len(session.exec(select(PushedRequest)).all()) == 1
