"""The authorization code grant: what an app gets, and how it is attacked."""

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


async def test_an_unknown_app_ends_at_a_page(flow: Any) -> None:
    assert (await flow.authorize(client_id="<script>")).status_code == 400


async def test_bytes_that_are_no_text_are_refused(server: Any) -> None:
    assert (await server.get("/authorize?client_id=%ff%fe&x=%00")).status_code == 400


async def test_a_signed_in_person_is_not_asked_again(flow: Any, told: Any) -> None:
    await flow.sign_in()
    assert "code" in told(await flow.authorize())
    assert "code" in told(await flow.authorize(prompt="none"))


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
