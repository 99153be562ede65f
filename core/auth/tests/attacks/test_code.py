"""Attacks 12 to 24, 27 to 29, 32 and 33: the way from `/authorize` to the code, and what a stolen code is worth."""

import asyncio
from typing import Any

import jwt as pyjwt
import pytest
from sqlmodel import update

from bedside.auth.tables import AuthCode

# What is refused before anything is looked up need not be asked of two databases.
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
CALLBACK = "http://127.0.0.1:8000/callback"
ISSUER = "http://127.0.0.1:8003"
PASSWORD = "correct horse battery staple"
PATIENT_SCOPE = "openid launch/patient patient/*.rs"


def reason(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"], answer.json()["error_description"]


def refused(answer: dict[str, str]) -> tuple[str, str]:
    """What the app was told at its redirect URI, in the words of which server."""
    assert (answer["iss"], answer["state"], "code" in answer) == (ISSUER, "st", False)
    return answer["error"], answer["error_description"]


def auth_time(tokens: Any) -> int:
    claims = pyjwt.decode(tokens["access_token"], options={"verify_signature": False})
    return int(claims["auth_time"])


async def test_attack_12_a_replayed_code_ends_what_it_gave(flow: Any, server: Any) -> None:
    code = await flow.code()
    tokens = (await flow.redeem(code)).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await server.get("/userinfo", headers=bearer)).status_code == 200
    assert reason(await flow.redeem(code)) == (400, "invalid_grant", "the code was used before")
    assert (await server.get("/userinfo", headers=bearer)).status_code == 401
    assert reason(await flow.refresh(tokens["refresh_token"]))[2] == "the authorization has ended"


async def test_attack_12_what_came_from_another_code_goes_on(flow: Any, server: Any, told: Any) -> None:
    code = await flow.code()
    await flow.redeem(code)
    other = (await flow.redeem(told(await flow.authorize())["code"])).json()
    await flow.redeem(code)
    bearer = {"Authorization": f"Bearer {other['access_token']}"}
    assert (await server.get("/userinfo", headers=bearer)).status_code == 200


async def test_attack_13_eight_at_once_have_one_winner_at_most(flow: Any) -> None:
    code = await flow.code()
    answers = await asyncio.gather(*(flow.redeem(code) for _ in range(8)))
    (won,) = (answer.json() for answer in answers if answer.status_code == 200)
    lost = [reason(answer) for answer in answers if answer.status_code != 200]
    assert lost == [(400, "invalid_grant", "the code was used before")] * 7
    # Which of the eight was the thief cannot be known.
    assert reason(await flow.refresh(won["refresh_token"]))[2] == "the authorization has ended"
    assert (await flow.redeem(await flow.code(prompt="login"))).status_code == 200


async def test_attack_14_another_clients_code_is_refused_and_not_burnt(flow: Any) -> None:
    code = await flow.code()
    assert reason(await flow.redeem(code, client_id="other")) == (
        400,
        "invalid_grant",
        "the code is not one of this client",
    )
    assert (await flow.redeem(code)).status_code == 200


@pytest.mark.parametrize("uri", [CALLBACK + "/", CALLBACK.upper(), "http://127.0.0.1:8000/other", None])
async def test_attack_15_another_redirect_uri_is_refused(flow: Any, uri: str | None) -> None:
    answer = await flow.redeem(await flow.code(), redirect_uri=uri)
    assert reason(answer)[1:] == ("invalid_grant", "redirect_uri is not the one of the authorization request")
    assert (await flow.redeem(await flow.code(prompt="login"))).status_code == 200


async def test_attack_16_a_code_lives_a_minute(flow: Any, clock: Any, told: Any) -> None:
    fresh, old = await flow.code(), told(await flow.authorize())["code"]
    clock.advance(seconds=58)
    assert (await flow.redeem(fresh)).status_code == 200
    clock.advance(seconds=3)
    assert reason(await flow.redeem(old)) == (400, "invalid_grant", "the code has expired")


@pytest.mark.parametrize(
    ("verifier", "why"),
    [
        (None, "code_verifier is missing or malformed"),
        ("", "code_verifier is missing or malformed"),
        ("too-short", "code_verifier is missing or malformed"),
        ("x" * 129, "code_verifier is missing or malformed"),
        ("x" * 42 + "é", "code_verifier is missing or malformed"),
        ("x" * 43, "code_verifier does not fit the challenge"),
        ("the challenge", "code_verifier does not fit the challenge"),
    ],
)
async def test_attack_17_a_wrong_verifier_is_refused_and_burns_the_code(
    flow: Any, verifier: str | None, why: str
) -> None:
    code = await flow.code()
    sent = flow.request()["code_challenge"] if verifier == "the challenge" else verifier
    assert reason(await flow.redeem(code, code_verifier=sent)) == (400, "invalid_grant", why)
    assert reason(await flow.redeem(code))[2] == "the code was used before"


@ON_SQLITE
@pytest.mark.parametrize("client_id", ["app", "foreign"])
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"code_challenge": None}, "code_challenge is missing"),
        ({"code_challenge": ""}, "code_challenge is missing"),
        ({"code_challenge": "short"}, "code_challenge is no SHA-256 in base64url"),
        ({"code_challenge_method": None}, "the only code challenge method is S256"),
        ({"code_challenge_method": "plain"}, "the only code challenge method is S256"),
        ({"code_challenge_method": "s256"}, "the only code challenge method is S256"),
    ],
)
async def test_attack_18_without_pkce_by_s256_no_client_gets_a_code(
    flow: Any, told: Any, client_id: str, changed: Any, why: str
) -> None:
    assert refused(told(await flow.authorize(client_id=client_id, **changed))) == ("invalid_request", why)
    assert (await flow.authorize(client_id=client_id)).headers["location"].startswith("/sign-in?")


async def test_attack_19_a_verifier_opens_no_code_that_has_no_challenge(flow: Any, authority: Any) -> None:
    code = await flow.code()
    with authority.units.unit() as session:
        session.exec(update(AuthCode).values(challenge=""))
    assert reason(await flow.redeem(code)) == (400, "invalid_grant", "code_verifier does not fit the challenge")
    assert (await flow.redeem(await flow.code(prompt="login"))).status_code == 200


@ON_SQLITE
@pytest.mark.parametrize(
    "uri",
    [
        CALLBACK + "/",
        CALLBACK + "?x=1",
        CALLBACK + "#x",
        CALLBACK + "%00",
        "http://127.0.0.1:8000/%2e%2e/callback",
        "http://127.0.0.1:8000/x/%2f..%2fcallback",
        "http://127.0.0.1:8000/x/../callback",
        "http://127.0.0.1:8000//callback",
        "http://127.0.0.1:8000\\callback",
        "http://127.0.0.1:8000/Callback",
        "HTTP://127.0.0.1:8000/callback",
        "http://me@127.0.0.1:8000/callback",
        "http://127.0.0.1:8000@evil.example/callback",
        "http://127.0.0.1:8000.evil.example/callback",
        "//127.0.0.1:8000/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        CALLBACK + "\n",
        "\t" + CALLBACK,
        CALLBACK + '"',
        "http://127.0.0.1:8000/c\u0430llback",
        "http://localhost:8000/callback",
        "http://127.0.0.1:8001/callback",
    ],
)
async def test_attack_20_a_redirect_uri_like_the_registered_one_ends_at_a_page(flow: Any, uri: str) -> None:
    answer = await flow.authorize(redirect_uri=uri)
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert "answered at an address it is not registered for" in answer.text
    assert (await flow.authorize()).status_code == 303


@pytest.mark.parametrize("uri", ["", None])
async def test_attack_21_no_redirect_uri_ends_at_a_page(flow: Any, uri: str | None) -> None:
    answer = await flow.authorize(redirect_uri=uri)
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert "answered at an address it is not registered for" in answer.text


@ON_SQLITE
@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, ("unsupported_response_type", "the only response type is code")),
        ({"response_type": "id_token"}, ("unsupported_response_type", "the only response type is code")),
        ({"response_type": "code id_token"}, ("unsupported_response_type", "the only response type is code")),
        ({"response_type": "code token"}, ("unsupported_response_type", "the only response type is code")),
        ({"response_type": "none"}, ("unsupported_response_type", "the only response type is code")),
        ({"response_type": "CODE"}, ("unsupported_response_type", "the only response type is code")),
        ({"response_type": None}, ("invalid_request", "response_type is missing")),
        ({"response_mode": "fragment"}, ("invalid_request", "the only response mode is query")),
        ({"response_mode": "form_post"}, ("invalid_request", "the only response mode is query")),
    ],
)
async def test_attack_22_there_is_no_other_response_type(flow: Any, told: Any, changed: Any, error: Any) -> None:
    assert refused(told(await flow.authorize(**changed))) == error
    assert "code" in told(await flow.sign_in(response_mode="query"))


@ON_SQLITE
@pytest.mark.parametrize("name", ["scope", "code_challenge", "nonce", "aud", "response_type", "prompt", "unknown"])
async def test_attack_23_a_repeated_parameter_is_refused(flow: Any, server: Any, told: Any, name: str) -> None:
    pairs = [*flow.request().items(), (name, "again"), (name, "again")]
    answer = told(await server.get("/authorize", params=pairs))
    assert refused(answer) == ("invalid_request", "a parameter appears more than once")


async def test_attack_23_a_repeated_state_is_not_echoed(flow: Any, server: Any, told: Any) -> None:
    answer = told(await server.get("/authorize", params=[*flow.request().items(), ("state", "again")]))
    assert (answer["error"], answer["iss"], "state" in answer) == ("invalid_request", ISSUER, False)


@pytest.mark.parametrize("name", ["redirect_uri", "client_id"])
async def test_attack_23_a_repeated_address_or_client_ends_at_a_page(flow: Any, server: Any, name: str) -> None:
    again = flow.request()[name]
    answer = await server.get("/authorize", params=[*flow.request().items(), (name, again)])
    assert (answer.status_code, "location" in answer.headers) == (400, False)


async def test_attack_23_a_repeated_parameter_at_the_token_endpoint_is_refused(flow: Any, server: Any) -> None:
    form = {
        "grant_type": "authorization_code",
        "code": await flow.code(),
        "redirect_uri": CALLBACK,
        "client_id": "app",
        "code_verifier": flow.verifier,
    }
    answer = await server.post("/token", data=form | {"code_verifier": [flow.verifier, flow.verifier]})
    assert reason(answer) == (400, "invalid_request", "a parameter appears more than once")
    assert (await server.post("/token", data=form)).status_code == 200


async def test_attack_24_the_issuer_is_named_with_a_code(flow: Any, told: Any) -> None:
    succeeded = told(await flow.sign_in())
    assert (succeeded["iss"], succeeded["state"], "code" in succeeded) == (ISSUER, "st", True)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"scope": None}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"aud": "https://elsewhere.example"}, "invalid_request"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"scope": "system/*.rs"}, "invalid_scope"),
        ({"prompt": "none", "max_age": "0"}, "login_required"),
        ({"prompt": "none", "client_id": "foreign"}, "consent_required"),
    ],
)
async def test_attack_24_the_issuer_is_named_with_every_error(flow: Any, told: Any, changed: Any, error: str) -> None:
    await flow.sign_in()
    assert refused(told(await flow.authorize(**changed)))[0] == error


async def test_attack_24_the_issuer_is_named_when_the_person_declines(flow: Any, told: Any) -> None:
    page = await flow.browser.get((await flow.sign_in(client_id="foreign")).headers["location"])
    declined = told(await flow.submit(page, "/consent", decision="deny"))
    assert refused(declined) == ("access_denied", "the person declined")


@ON_SQLITE
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"aud": "https://elsewhere.example/fhir"}, "aud is not the FHIR base of this server"),
        ({"aud": "http://127.0.0.1:8000/fhir/../x"}, "aud is not the FHIR base of this server"),
        ({"aud": "http://127.0.0.1:8000"}, "aud is not the FHIR base of this server"),
        ({"aud": None}, "aud is missing"),
        ({"aud": None, "resource": "https://elsewhere.example"}, "aud is not the FHIR base of this server"),
    ],
)
async def test_attack_27_a_foreign_audience_is_refused(flow: Any, told: Any, changed: Any, why: str) -> None:
    assert refused(told(await flow.authorize(**changed))) == ("invalid_request", why)
    assert "code" in told(await flow.sign_in(aud="http://127.0.0.1:8000/fhir/"))


async def test_attack_28_prompt_none_shows_no_page(flow: Any, told: Any) -> None:
    assert refused(told(await flow.authorize(prompt="none")))[0] == "login_required"
    await flow.sign_in()
    assert refused(told(await flow.authorize(prompt="none", client_id="foreign")))[0] == "consent_required"
    assert refused(told(await flow.authorize(prompt="none", scope=PATIENT_SCOPE)))[0] == "interaction_required"
    assert "code" in told(await flow.authorize(prompt="none"))


@pytest.mark.parametrize("prompt", ["none login", "none consent", "something", "login something"])
async def test_attack_28_a_prompt_that_contradicts_itself_is_refused(flow: Any, told: Any, prompt: str) -> None:
    assert refused(told(await flow.authorize(prompt=prompt))) == ("invalid_request", "prompt is not understood")


@pytest.mark.parametrize("changed", [{"prompt": "login"}, {"prompt": "select_account"}, {"max_age": "0"}])
async def test_attack_29_a_demanded_sign_in_is_never_one_the_browser_brought(
    flow: Any, clock: Any, changed: Any
) -> None:
    before = await flow.tokens()
    clock.advance(seconds=5)
    again = await flow.tokens(**changed)
    assert auth_time(again) >= auth_time(before) + 5


@pytest.mark.parametrize("changed", [{"prompt": "login"}, {"max_age": "0"}])
async def test_attack_29_not_even_one_of_the_same_instant(
    flow: Any, clock: Any, monkeypatch: Any, changed: Any
) -> None:
    monkeypatch.setattr(type(clock), "now", lambda self: self.instant)
    await flow.sign_in()
    assert (await flow.authorize()).headers["location"].startswith(CALLBACK)
    assert (await flow.authorize(**changed)).headers["location"].startswith("/sign-in?")
    assert (await flow.authorize(prompt="none", max_age="0")).headers["location"].count("login_required") == 1


async def test_attack_29_max_age_lets_a_young_sign_in_count(flow: Any, told: Any, clock: Any) -> None:
    first = await flow.tokens()
    clock.advance(seconds=50)
    young = (await flow.redeem(told(await flow.authorize(max_age="60"))["code"])).json()
    assert auth_time(young) == auth_time(first)
    clock.advance(seconds=11)
    assert (await flow.authorize(max_age="60")).headers["location"].startswith("/sign-in?")


@pytest.mark.parametrize("max_age", ["-1", "1.5", "x", "9" * 30, "١"])
async def test_attack_29_a_max_age_that_is_no_number_is_refused(flow: Any, told: Any, max_age: str) -> None:
    answer = told(await flow.authorize(max_age=max_age))
    assert refused(answer) == ("invalid_request", "max_age is no number of seconds")


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
async def test_attack_32_a_password_is_never_posted_on_to_the_app(flow: Any, password: str) -> None:
    answer = await flow.sign_in(password=password)
    # 303 makes the next request a GET; 307 or 308 would carry the form, password and all, to the app.
    sent_on = answer.headers.get("location", "").startswith(CALLBACK)
    assert (answer.status_code, sent_on) == ((303, True) if password == PASSWORD else (401, False))


async def test_attack_32_every_form_is_followed_by_303(flow: Any) -> None:
    page = await flow.sign_in_page(client_id="foreign", scope="launch/patient patient/Patient.r")
    steps = []
    for path, typed in (
        ("/sign-in", {"username": "physician", "password": PASSWORD}),
        ("/patient", {"patient": "p1"}),
        ("/consent", {"decision": "allow", "scope": ["launch/patient", "patient/Patient.r"]}),
    ):
        answer = await flow.submit(page, path, **typed)
        steps.append(answer.status_code)
        if answer.headers["location"].startswith("/"):
            page = await flow.browser.get(answer.headers["location"])
    assert (steps, answer.headers["location"].startswith(CALLBACK)) == ([303, 303, 303], True)


HOSTILE = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "javascript",
    "Forwarded": "host=evil.example",
}


async def test_attack_33_no_header_changes_where_answers_go(flow: Any, server: Any, told: Any) -> None:
    answer = await server.get("/authorize", params=flow.request(), headers=HOSTILE)
    assert answer.headers["location"].startswith("/sign-in?")
    await flow.sign_in()
    again = await server.get("/authorize", params=flow.request(), headers=HOSTILE)
    assert told(again)["iss"] == ISSUER
    for name in ("openid-configuration", "oauth-authorization-server", "smart-configuration"):
        honest, hostile = [await server.get(f"/.well-known/{name}", headers=each) for each in ({}, HOSTILE)]
        assert (hostile.json(), "evil" in hostile.text) == (honest.json(), False)
