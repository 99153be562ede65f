"""What Inferno asserts of a SMART server, asserted here of the running platform.

The groups are those of its SMART App Launch STU 2.2 and ONC (g)(10) kits: https://inferno.healthit.gov
"""

import time
from typing import Any

import httpx
import jwt as pyjwt
import pytest

from tests.platform import Platform
from tests.system.access import Access
from tests.system.smart_app import SmartApp

pytestmark = pytest.mark.slow

CALLBACK = "http://127.0.0.1:8499/inferno"
FULL = (
    "launch/patient openid fhirUser offline_access"
    " patient/Patient.rs patient/Condition.rs patient/Observation.rs patient/AllergyIntolerance.rs"
    " patient/MedicationRequest.rs patient/Encounter.rs user/Practitioner.r"
)
FULL_V1 = (
    "launch/patient openid fhirUser offline_access"
    " patient/Patient.read patient/Condition.read patient/Observation.read user/Practitioner.read"
)
TYPES = ("Patient", "Condition", "Observation", "AllergyIntolerance", "MedicationRequest", "Encounter")
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
VITAL_SIGNS = f"patient/Observation.rs?category={CATEGORY}|vital-signs"
PROBLEMS = "patient/Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item"


@pytest.fixture
def app(platform: Platform, registers: Any) -> SmartApp:
    everything = "launch launch/patient launch/encounter openid fhirUser online_access offline_access"
    client_id = registers(CALLBACK, scope=f"{everything} patient/*.rs user/*.rs")
    return SmartApp(platform.demo, client_id, CALLBACK)


def configuration(app: SmartApp) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"{app.demo['fhir']}/.well-known/smart-configuration").json()
    return answer


# Discovery


def test_the_smart_configuration_is_json_and_has_what_is_required(app: SmartApp) -> None:
    answer = httpx.get(f"{app.demo['fhir']}/.well-known/smart-configuration", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.headers["content-type"].startswith("application/json")) == (200, True)
    told = answer.json()
    for name in ("authorization_endpoint", "token_endpoint", "issuer", "jwks_uri"):
        assert isinstance(told[name], str), name
        assert told[name].startswith("http"), name
    for name in ("capabilities", "grant_types_supported", "code_challenge_methods_supported", "scopes_supported"):
        assert told[name], name
        assert all(isinstance(each, str) for each in told[name]), name
    assert "authorization_code" in told["grant_types_supported"]
    assert told["code_challenge_methods_supported"] == ["S256"]


@pytest.mark.parametrize(
    "capability",
    # https://hl7.org/fhir/smart-app-launch/conformance.html, and those that (g)(10) requires.
    [
        "launch-ehr",
        "launch-standalone",
        "client-public",
        "client-confidential-symmetric",
        "client-confidential-asymmetric",
        "sso-openid-connect",
        "context-banner",
        "context-style",
        "context-ehr-patient",
        "context-ehr-encounter",
        "context-standalone-patient",
        "permission-offline",
        "permission-online",
        "permission-patient",
        "permission-user",
        "permission-v1",
        "permission-v2",
        "authorize-post",
    ],
)
def test_the_capability_is_told(app: SmartApp, capability: str) -> None:
    assert capability in configuration(app)["capabilities"]


def test_metadata_names_the_same_endpoints(app: SmartApp) -> None:
    statement = httpx.get(f"{app.demo['fhir']}/metadata").json()
    security = statement["rest"][0]["security"]
    (extension,) = security["extension"]
    uris = {each["url"]: each["valueUri"] for each in extension["extension"]}
    told = configuration(app)
    assert (uris["authorize"], uris["token"]) == (told["authorization_endpoint"], told["token_endpoint"])
    assert security["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"


@pytest.mark.parametrize("path", [".well-known/smart-configuration", "metadata"])
def test_discovery_is_open_to_every_origin(app: SmartApp, path: str) -> None:
    for origin in (app.origin, "https://anywhere.example"):
        answer = httpx.get(f"{app.demo['fhir']}/{path}", headers={"Origin": origin})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")


@pytest.mark.parametrize("endpoint", ["token_endpoint", "userinfo_endpoint", "revocation_endpoint"])
def test_a_browser_may_ask_before_it_asks(app: SmartApp, endpoint: str) -> None:
    asked = {
        "Origin": app.origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = httpx.request("OPTIONS", configuration(app)[endpoint], headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert "access-control-allow-credentials" not in answer.headers


# Standalone launch


def test_a_standalone_launch_by_scopes_of_version_2(app: SmartApp) -> None:
    answered = app.answer("physician", FULL)
    assert (answered["state"], answered["iss"]) == ("s1", app.demo["auth"])
    response = app.token_response(answered["code"])
    assert_token_response(app, response)
    assert response.json()["scope"].split() == FULL.split()
    assert response.json()["patient"] == "p1"
    for name in TYPES:
        found = app.fhir(response.json(), f"{name}/p1" if name == "Patient" else f"{name}?patient=p1&_count=1")
        assert found.status_code == 200, name


def test_a_standalone_launch_by_scopes_of_version_1(app: SmartApp) -> None:
    response = app.token_response(app.answer("physician", FULL_V1)["code"])
    assert_token_response(app, response)
    # Compared letter by letter: what is granted wholly is told as it was asked for.
    assert response.json()["scope"].split() == FULL_V1.split()
    assert app.fhir(response.json(), "Condition?patient=p1").status_code == 200
    assert app.fhir(response.json(), "MedicationRequest?patient=p1").status_code == 403


def test_a_patient_launches_for_themselves(app: SmartApp) -> None:
    tokens = app.tokens("patient", "launch/patient openid fhirUser patient/Patient.rs")
    assert (tokens["patient"], tokens["need_patient_banner"]) == ("p1", True)
    user = pyjwt.decode(tokens["id_token"], options={"verify_signature": False})["fhirUser"]
    assert app.fhir(tokens, user.removeprefix(app.demo["fhir"] + "/")).json()["id"] == "p1"


def assert_token_response(app: SmartApp, response: httpx.Response) -> None:
    assert response.status_code == 200, response.text
    told = response.json()
    for name in ("access_token", "token_type", "scope", "refresh_token", "id_token"):
        assert isinstance(told[name], str), name
        assert told[name], name
    assert isinstance(told["expires_in"], int)
    assert told["token_type"].casefold() == "bearer"
    assert "no-store" in response.headers["cache-control"]
    assert "no-cache" in response.headers["pragma"]
    assert response.headers["access-control-allow-origin"] in ("*", app.origin)


# What must fail


def test_the_fhir_base_has_to_be_named_and_no_other(app: SmartApp) -> None:
    for aud in (None, "https://elsewhere.example/fhir"):
        # The person is not even asked to sign in.
        answer = httpx.get(app.authorize_url(FULL, aud=aud))
        assert "error=invalid_request" in answer.headers["location"]


def test_a_wrong_verifier_a_wrong_code_and_a_wrong_client_get_no_token(app: SmartApp) -> None:
    for changed in (
        {"code_verifier": None},
        {"code_verifier": "x" * 43},
        {"code": "BAD_CODE"},
        {"client_id": "BAD_CLIENT_ID"},
    ):
        code = app.answer("physician", FULL)["code"]
        response = app.token_response(code, **changed)
        assert response.status_code in (400, 401), changed
        assert "error" in response.json()


@pytest.mark.parametrize("grant_type", ["not_a_grant_type", "password", "implicit", ""])
def test_a_wrong_grant_type_is_400(app: SmartApp, grant_type: str) -> None:
    response = app.token_response("x", grant_type=grant_type)
    error = "unsupported_grant_type" if grant_type else "invalid_request"
    assert (response.status_code, response.json()["error"]) == (400, error)


def test_an_unknown_launch_is_refused(app: SmartApp) -> None:
    answer = httpx.get(app.authorize_url("launch patient/*.rs", launch="BAD_LAUNCH"))
    assert "error=invalid_request" in answer.headers["location"]


# OpenID Connect


def test_the_id_token_is_signed_by_rs256_and_speaks_of_a_user_that_can_be_read(app: SmartApp) -> None:
    tokens = app.tokens("physician", FULL, nonce="n1")
    unverified = pyjwt.decode(tokens["id_token"], options={"verify_signature": False})
    openid = httpx.get(f"{unverified['iss']}/.well-known/openid-configuration").json()
    required = [
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
    ]
    assert set(required) <= openid.keys()
    assert "RS256" in openid["id_token_signing_alg_values_supported"]

    header = pyjwt.get_unverified_header(tokens["id_token"])
    keys = httpx.get(openid["jwks_uri"]).json()["keys"]
    (key,) = (each for each in keys if each["kid"] == header["kid"])
    assert (header["alg"], key["kty"]) == ("RS256", "RSA")
    assert not {"d", "p", "q"} & key.keys()
    claims = pyjwt.decode(
        tokens["id_token"],
        pyjwt.PyJWK(key),
        algorithms=["RS256"],
        audience=app.client_id,
        issuer=openid["issuer"],
        options={"require": ["iss", "sub", "aud", "exp", "iat"], "verify_iat": False, "verify_exp": False},
    )
    assert (0 < len(claims["sub"]) < 256, claims["nonce"]) == (True, "n1")
    type_name, user_id = claims["fhirUser"].split("/")[-2:]
    assert type_name in ("Patient", "Practitioner", "RelatedPerson", "Person")
    user = app.fhir(tokens, f"{type_name}/{user_id}")
    assert (user.status_code, user.json()["id"]) == (200, user_id)
    assert user.headers["access-control-allow-origin"] in ("*", app.origin)


# Refresh


@pytest.mark.parametrize("with_scope", [True, False])
def test_a_refresh_gives_no_more_scopes_and_another_token(app: SmartApp, with_scope: bool) -> None:
    tokens = app.tokens("physician", FULL)
    response = app.refresh_response(tokens["refresh_token"], scope=tokens["scope"] if with_scope else None)
    assert_token_response(app, response)
    told = response.json()
    assert set(told["scope"].split()) <= set(tokens["scope"].split())
    assert told["access_token"] != tokens["access_token"]
    assert app.fhir(told, "Patient/p1").status_code == 200


def test_a_refresh_token_that_was_given_back_is_refused(app: SmartApp) -> None:
    tokens = app.tokens("physician", FULL)
    given_back = {"token": tokens["refresh_token"], "client_id": app.client_id}
    assert httpx.post(configuration(app)["revocation_endpoint"], data=given_back).status_code == 200
    assert app.refresh_response(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    deadline = time.monotonic() + 5
    while app.fhir(tokens, "Patient/p1").status_code != 401:
        assert time.monotonic() < deadline, "a token that was given back is dead within 5 s"
        time.sleep(0.1)


# EHR launch


def launched(app: SmartApp, scope: str, **context: Any) -> dict[str, Any]:
    ehr = {"Authorization": f"Bearer {Access(app.demo).user_token('physician')}"}
    found = httpx.get(f"{app.demo['fhir']}/Encounter?patient=p1&_count=1", headers=ehr).json()
    encounter = found["entry"][0]["resource"]["id"]
    asked = {"client_id": app.client_id, "patient": "p1", "encounter": encounter} | context
    prepared = httpx.post(configuration(app)["launch_endpoint"], json=asked, headers=ehr)
    assert prepared.status_code == 201, prepared.text
    tokens = app.tokens("physician", scope, launch=prepared.json()["launch"])
    assert (tokens["patient"], tokens["encounter"]) == ("p1", encounter)
    return tokens


def test_an_ehr_launch_tells_patient_encounter_banner_style_and_what_else_is_in_question(app: SmartApp) -> None:
    others = [
        {"reference": "Task/t1", "role": "https://inferno.example/role"},
        {"reference": "DiagnosticReport/d1", "type": "DiagnosticReport"},
    ]
    scope = "launch openid fhirUser online_access patient/Patient.rs patient/Encounter.rs"
    tokens = launched(app, scope, intent="reconcile", need_patient_banner=False, fhirContext=others)
    assert (tokens["need_patient_banner"], tokens["intent"], tokens["fhirContext"]) == (False, "reconcile", others)
    assert app.fhir(tokens, f"Encounter/{tokens['encounter']}").status_code == 200

    style = httpx.get(tokens["smart_style_url"], headers={"Origin": app.origin})
    assert (style.status_code, style.headers["access-control-allow-origin"]) == (200, "*")
    assert style.json()["color_background"].startswith("#")


def test_a_launch_of_scopes_for_one_patient_always_has_one(app: SmartApp) -> None:
    assert launched(app, "launch patient/Patient.rs")["need_patient_banner"] is True


# Introspection


def test_introspection_repeats_what_the_token_says_and_of_others_nothing(
    app: SmartApp, platform: Platform, registration_token: str
) -> None:
    registration = {
        "client_name": "A service that looks tokens up",
        "grant_types": ["client_credentials"],
        "scope": "introspect",
        "audiences": [platform.demo["fhir"]],
    }
    registered = httpx.post(
        configuration(app)["registration_endpoint"],
        json=registration,
        headers={"Authorization": f"Bearer {registration_token}"},
    ).json()

    def looked_up(token: str) -> dict[str, Any]:
        credentials = (registered["client_id"], registered["client_secret"])
        answer = httpx.post(configuration(app)["introspection_endpoint"], data={"token": token}, auth=credentials)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    tokens = launched(app, "launch openid fhirUser patient/Patient.rs")
    claims = pyjwt.decode(tokens["id_token"], options={"verify_signature": False})
    told = looked_up(tokens["access_token"])
    expected = {
        "active": True,
        "client_id": app.client_id,
        "scope": tokens["scope"],
        "patient": "p1",
        "encounter": tokens["encounter"],
        "iss": claims["iss"],
        "sub": claims["sub"],
        "fhirUser": claims["fhirUser"],
    }
    assert {name: told[name] for name in expected} == expected
    assert told["exp"] > told["iat"]
    assert looked_up("invalid_token_value") == {"active": False}


# (g)(10): limited and granular access


def test_of_what_was_asked_for_a_person_may_allow_less(app: SmartApp) -> None:
    allowed = "launch/patient openid fhirUser offline_access patient/Patient.rs patient/Condition.rs"
    tokens = app.tokens("physician", FULL, allowing=allowed.split())
    assert tokens["scope"] == allowed
    statuses = {name: app.fhir(tokens, f"{name}?patient=p1&_count=1").status_code for name in TYPES[1:]}
    assert statuses == {name: 200 if name == "Condition" else 403 for name in TYPES[1:]}


@pytest.mark.parametrize("asked", ["by the app", "by the person"])
def test_granular_scopes_let_through_one_category_only(app: SmartApp, asked: str) -> None:
    granular = f"launch/patient patient/Patient.rs {PROBLEMS} {VITAL_SIGNS}"
    whole = "launch/patient patient/Patient.rs patient/Condition.rs patient/Observation.rs"
    if asked == "by the app":
        tokens = app.tokens("physician", granular)
    else:
        tokens = app.tokens("physician", whole, allowing=granular.split())
    assert sorted(tokens["scope"].split()) == sorted(granular.split())

    seen = {category for each in found(app, tokens, "Observation?patient=p1") for category in categories(each)}
    assert seen == {"vital-signs"}
    unrestricted = found(app, app.tokens("physician", whole), "Observation?patient=p1")
    other = next(each for each in unrestricted if "vital-signs" not in categories(each))
    assert app.fhir(tokens, f"Observation/{other['id']}").status_code in (403, 404)
    assert found(app, tokens, f"Observation?patient=p1&category={CATEGORY}|laboratory") == []


def found(app: SmartApp, tokens: dict[str, Any], search: str) -> list[dict[str, Any]]:
    answer = app.fhir(tokens, f"{search}&_count=200")
    assert answer.status_code == 200, answer.text
    return [each["resource"] for each in answer.json().get("entry", []) if each["search"]["mode"] == "match"]


def categories(resource: dict[str, Any]) -> set[str]:
    return {coding["code"] for each in resource.get("category", []) for coding in each.get("coding", [])}
