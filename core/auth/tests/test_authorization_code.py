"""The authorization code grant: what an app gets, and how it is attacked."""

import asyncio
from typing import Any

import jwt as pyjwt
import pytest

from bedside.identity import Keys, Refused, Verifier

CALLBACK = "http://127.0.0.1:8000/callback"
FHIR = "http://127.0.0.1:8000/fhir"
ISSUER = "http://127.0.0.1:8003"


async def test_signing_in_gives_tokens_that_a_second_verifier_accepts(flow: Any, server: Any) -> None:
    tokens = await flow.tokens()
    keys = pyjwt.PyJWKSet.from_dict((await server.get("/jwks")).json())
    header = pyjwt.get_unverified_header(tokens["access_token"])
    claims = pyjwt.decode(
        tokens["access_token"], keys[header["kid"]], algorithms=["ES256"], audience=FHIR, issuer=ISSUER
    )
    assert header["typ"] == "at+jwt"
    assert {claims["scope"], tokens["scope"]} == {"openid fhirUser online_access user/*.rs"}
    assert (claims["client_id"], claims["roles"], claims["fhirUser"]) == (
        "app",
        ["physician"],
        "Practitioner/physician",
    )
    assert claims["exp"] - claims["iat"] == tokens["expires_in"] == 300
    assert {"jti", "sid", "auth_time", "sub"} <= claims.keys()
    id_header = pyjwt.get_unverified_header(tokens["id_token"])
    known = pyjwt.decode(tokens["id_token"], keys[id_header["kid"]], algorithms=["RS256"], audience="app")
    assert (known["nonce"], known["fhirUser"], known["sub"]) == ("n", f"{FHIR}/Practitioner/physician", claims["sub"])


async def test_the_answer_names_the_issuer_and_the_state(flow: Any, told: Any) -> None:
    answer = told(await flow.sign_in())
    assert (answer["iss"], answer["state"]) == (ISSUER, "st")


async def test_a_role_bounds_what_the_workbench_may_ask_for(flow: Any) -> None:
    tokens = await flow.tokens("frontdesk", scope="openid user/Patient.crus user/Observation.rs")
    assert tokens["scope"] == "openid user/Patient.crus"


async def test_a_wildcard_stays_one_within_the_roles_interactions(flow: Any) -> None:
    assert (await flow.tokens(scope="openid user/*.cruds"))["scope"] == "openid user/*.crus"


async def test_a_patient_is_their_own_context(flow: Any) -> None:
    tokens = await flow.tokens("patient", scope="openid launch/patient patient/*.rs")
    assert (tokens["patient"], tokens["need_patient_banner"]) == ("p1", True)


async def test_whoever_is_no_patient_gets_no_patient_scope_without_a_context(flow: Any) -> None:
    assert (await flow.tokens(scope="openid patient/*.rs user/Patient.rs"))["scope"] == "openid user/Patient.rs"


async def test_a_grant_of_nothing_is_invalid_scope(flow: Any, told: Any) -> None:
    assert told(await flow.sign_in("admin", scope="user/Patient.rs"))["error"] == "invalid_scope"


async def test_a_code_used_again_is_refused_and_its_tokens_die(flow: Any, server: Any) -> None:
    code = await flow.code()
    tokens = (await flow.redeem(code)).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await server.get("/userinfo", headers=bearer)).status_code == 200
    assert (await flow.redeem(code)).json()["error_description"] == "the code was used before"
    assert (await server.get("/userinfo", headers=bearer)).status_code == 401
    assert (await flow.refresh(tokens["refresh_token"])).json()["error_description"] == "the authorization has ended"


async def test_eight_redemptions_at_once_have_one_winner_at_most(flow: Any) -> None:
    code = await flow.code()
    answers = await asyncio.gather(*(flow.redeem(code) for _ in range(8)))
    assert sum(answer.status_code == 200 for answer in answers) <= 1
    assert {answer.status_code for answer in answers} <= {200, 400}


async def test_replays_at_once_are_each_refused(flow: Any) -> None:
    code = await flow.code()
    await flow.redeem(code)
    answers = await asyncio.gather(*(flow.redeem(code) for _ in range(6)))
    assert {answer.json()["error"] for answer in answers} == {"invalid_grant"}


async def test_another_clients_code_is_refused_and_not_burnt(flow: Any) -> None:
    code = await flow.code()
    stolen = await flow.redeem(code, client_id="other")
    assert stolen.json()["error_description"] == "the code is not one of this client"
    assert (await flow.redeem(code)).status_code == 200


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"redirect_uri": CALLBACK + "/"}, "redirect_uri is not the one of the authorization request"),
        ({"redirect_uri": None}, "redirect_uri is not the one of the authorization request"),
        ({"code_verifier": None}, "code_verifier is missing or malformed"),
        ({"code_verifier": ""}, "code_verifier is missing or malformed"),
        ({"code_verifier": "x" * 43}, "code_verifier does not fit the challenge"),
    ],
)
async def test_a_code_with_the_wrong_proof_is_refused_and_burnt(flow: Any, changed: Any, reason: str) -> None:
    code = await flow.code()
    refused = await flow.redeem(code, **changed)
    assert (refused.status_code, refused.json()) == (400, {"error": "invalid_grant", "error_description": reason})
    assert (await flow.redeem(code)).json()["error_description"] == "the code was used before"


async def test_the_challenge_is_no_verifier(flow: Any) -> None:
    challenge = flow.request()["code_challenge"]
    refused = await flow.redeem(await flow.code(), code_verifier=challenge)
    assert refused.json()["error_description"] == "code_verifier does not fit the challenge"


async def test_a_code_lives_a_minute(flow: Any, clock: Any, told: Any) -> None:
    fresh, old = await flow.code(), told(await flow.authorize())["code"]
    clock.advance(seconds=58)
    assert (await flow.redeem(fresh)).status_code == 200
    clock.advance(seconds=3)
    assert (await flow.redeem(old)).json()["error_description"] == "the code has expired"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request": "e30."}, "request_not_supported"),
        ({"request_uri": "https://x"}, "request_uri_not_supported"),
        ({"scope": None}, "invalid_scope"),
        ({"aud": "https://elsewhere/fhir"}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
    ],
)
async def test_a_bad_request_is_told_to_the_app_with_the_issuer(flow: Any, told: Any, changed: Any, error: str) -> None:
    answer = told(await flow.authorize(**changed))
    assert (answer["error"], answer["iss"], answer["state"]) == (error, ISSUER, "st")


@pytest.mark.parametrize(
    "uri",
    [
        CALLBACK + "/",
        CALLBACK + "?x=1",
        CALLBACK + "#x",
        "http://127.0.0.1:8000/%2e%2e/callback",
        "http://127.0.0.1:8000/x/../callback",
        "http://127.0.0.1:8000/Callback",
        "HTTP://127.0.0.1:8000/callback",
        "http://me@127.0.0.1:8000/callback",
        "http://127.0.0.1:8000.evil.example/callback",
        "javascript:alert(1)",
        CALLBACK + "\n",
        CALLBACK + '"',
        "http://127.0.0.1:8000/cаllback",
        "http://localhost:8000/callback",
        "http://127.0.0.1:8001/callback",
        "",
        None,
    ],
)
async def test_an_unregistered_redirect_uri_ends_at_a_page(flow: Any, uri: str | None) -> None:
    answer = await flow.authorize(redirect_uri=uri)
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert "not registered for" in answer.text


async def test_an_unknown_app_ends_at_a_page(flow: Any) -> None:
    assert (await flow.authorize(client_id="<script>")).status_code == 400


@pytest.mark.parametrize("name", ["state", "scope", "code_challenge", "nonce"])
async def test_a_repeated_parameter_is_refused(flow: Any, server: Any, told: Any, name: str) -> None:
    pairs = [*flow.request().items(), (name, "again")]
    assert told(await server.get("/authorize", params=pairs))["error"] == "invalid_request"


@pytest.mark.parametrize("name", ["redirect_uri", "client_id"])
async def test_a_repeated_address_or_client_ends_at_a_page(flow: Any, server: Any, name: str) -> None:
    pairs = [*flow.request().items(), (name, "again")]
    assert (await server.get("/authorize", params=pairs)).status_code == 400


async def test_bytes_that_are_no_text_are_refused(server: Any) -> None:
    assert (await server.get("/authorize?client_id=%ff%fe&x=%00")).status_code == 400


async def test_the_host_header_changes_nothing(flow: Any, server: Any) -> None:
    hostile = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    answer = await server.get("/authorize", params=flow.request(), headers=hostile)
    assert "evil" not in answer.headers["location"]
    assert "evil" not in (await server.get("/.well-known/openid-configuration", headers=hostile)).text


async def test_a_signed_in_person_is_not_asked_again(flow: Any, told: Any) -> None:
    await flow.sign_in()
    assert "code" in told(await flow.authorize())
    assert "code" in told(await flow.authorize(prompt="none"))


@pytest.mark.parametrize("changed", [{"prompt": "login"}, {"max_age": "0"}])
async def test_an_app_may_insist_on_a_fresh_sign_in(flow: Any, clock: Any, changed: Any) -> None:
    await flow.sign_in()
    clock.advance(seconds=5)
    assert (await flow.authorize(**changed)).headers["location"].startswith("/sign-in")


async def test_an_exhausted_session_is_asked_again(flow: Any, clock: Any) -> None:
    await flow.sign_in()
    clock.advance(minutes=16)
    assert (await flow.authorize()).headers["location"].startswith("/sign-in")


async def test_a_service_refuses_a_token_that_names_another_audience(flow: Any, server: Any) -> None:
    async def fetch() -> Any:
        return (await server.get("/jwks")).json()

    token = (await flow.tokens())["access_token"]
    assert (await Verifier(ISSUER, {FHIR}, Keys(fetch)).verify(token)).client_id == "app"
    with pytest.raises(Refused, match="wrong-audience"):
        await Verifier(ISSUER, {"http://127.0.0.1:8001"}, Keys(fetch)).verify(token)


async def test_an_id_token_is_no_access_token(flow: Any, server: Any) -> None:
    tokens = await flow.tokens()
    answer = await server.get("/userinfo", headers={"Authorization": f"Bearer {tokens['id_token']}"})
    assert answer.status_code == 401
