"""Programs that act for themselves or exchange a caller's token, and how clients prove who they are."""

import base64
from typing import Any

import jwt as pyjwt
import pytest

FHIR = "http://127.0.0.1:8000/fhir"
PATIENTS = "http://127.0.0.1:8001"
ENCOUNTERS = "http://127.0.0.1:8002"
GATEWAY = ("gateway", "gateway-secret")


def claims_of(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    claims: dict[str, Any] = pyjwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    return claims


async def asked(server: Any, *, auth: Any = ("integrator", "integrator-secret"), **form: Any) -> Any:
    return await server.post(
        "/token", data={"grant_type": "client_credentials", "scope": "system/*.cruds"} | form, auth=auth
    )


async def test_a_client_with_its_secret_acts_for_itself(server: Any) -> None:
    answer = await asked(server)
    claims = claims_of(answer)
    assert (claims["sub"], claims["aud"], claims["scope"]) == ("integrator", FHIR, "system/*.cruds")
    assert "roles" not in claims
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    assert "refresh_token" not in answer.json()


async def test_the_secret_may_be_posted(server: Any) -> None:
    posted = {"client_id": "poster", "client_secret": "poster-secret"}
    assert (await asked(server, auth=None, **posted)).status_code == 200


async def test_an_over_ask_is_narrowed(server: Any) -> None:
    answer = await asked(server, scope="system/Patient.rs user/Patient.rs openid users.manage")
    assert answer.json()["scope"] == "system/Patient.rs"


@pytest.mark.parametrize("scope", ["", "user/*.rs", "openid", "system/AuditEvent.rs"])
async def test_asking_for_nothing_that_is_registered_is_refused(server: Any, scope: str) -> None:
    answer = await asked(server, scope=scope)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


async def test_a_registered_resource_becomes_the_audience(server: Any) -> None:
    assert claims_of(await asked(server, resource=PATIENTS))["aud"] == PATIENTS
    assert (await asked(server, resource=ENCOUNTERS)).json()["error"] == "invalid_target"


async def test_a_service_is_marked_as_one(server: Any) -> None:
    claims = claims_of(await asked(server, auth=("patients", "patients-secret"), resource=ENCOUNTERS))
    assert (claims["roles"], claims["aud"], claims["scope"]) == (["service"], ENCOUNTERS, "system/*.rs")


@pytest.mark.parametrize(
    ("auth", "form", "status", "error"),
    [
        (("integrator", "wrong"), {}, 401, "invalid_client"),
        (("nobody", "integrator-secret"), {}, 401, "invalid_client"),
        (("integrator", ""), {}, 401, "invalid_client"),
        (None, {}, 401, "invalid_client"),
        (None, {"client_id": "integrator"}, 401, "invalid_client"),
        (None, {"client_id": "app", "client_secret": "x"}, 401, "invalid_client"),
        (("integrator", "integrator-secret"), {"client_secret": "integrator-secret"}, 400, "invalid_request"),
        (("integrator", "integrator-secret"), {"client_id": "app"}, 400, "invalid_request"),
        (None, {"client_id": "app"}, 400, "unauthorized_client"),
        (("integrator", "integrator-secret"), {"grant_type": "password"}, 400, "unsupported_grant_type"),
        (("integrator", "integrator-secret"), {"grant_type": 'é"\\'}, 400, "unsupported_grant_type"),
        (("integrator", "integrator-secret"), {"grant_type": ""}, 400, "invalid_request"),
        (("integrator", "integrator-secret"), {"grant_type": "refresh_token"}, 400, "unauthorized_client"),
        (("integrator", "integrator-secret"), {"scope": ["a", "b"]}, 400, "invalid_request"),
    ],
)
async def test_a_bad_proof_or_request_is_refused(server: Any, auth: Any, form: Any, status: int, error: str) -> None:
    answer = await asked(server, auth=auth, **form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


async def test_an_unknown_client_is_answered_like_a_wrong_secret(server: Any) -> None:
    wrong, unknown = await asked(server, auth=("integrator", "x")), await asked(server, auth=("nobody", "x"))
    assert (wrong.status_code, wrong.json(), dict(wrong.headers)) == (
        unknown.status_code,
        unknown.json(),
        dict(unknown.headers),
    )


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic " + base64.b64encode(b"\xff:x").decode(), "Bearer x"])
async def test_a_broken_authorization_header_is_refused(server: Any, header: str) -> None:
    answer = await server.post("/token", data={"grant_type": "client_credentials"}, headers={"Authorization": header})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{}", "application/json", 400),
        (b"grant_type=%ff", "application/x-www-form-urlencoded", 400),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 100, "application/x-www-form-urlencoded", 400),
        (b"x" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"", "", 400),
    ],
)
async def test_a_body_that_is_no_form_is_refused(server: Any, content: bytes, media_type: str, status: int) -> None:
    answer = await server.post("/token", content=content, headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["error"]) == (status, "invalid_request")


async def test_a_secret_in_the_address_is_refused(server: Any) -> None:
    answer = await server.post(
        "/token?client_id=integrator&client_secret=integrator-secret",
        data={"grant_type": "client_credentials", "scope": "system/*.rs"},
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_an_exchanged_token_is_for_one_service_and_tells_who_asked(flow: Any) -> None:
    subject = (await flow.tokens())["access_token"]
    before = pyjwt.decode(subject, options={"verify_signature": False})
    claims = claims_of(await flow.exchange(subject))
    assert (claims["aud"], claims["act"], claims["client_id"]) == (PATIENTS, {"sub": "gateway"}, "app")
    for carried in ("sub", "sid", "scope", "roles", "fhirUser"):
        assert claims[carried] == before[carried]
    assert claims["exp"] <= before["exp"]
    assert claims["jti"] != before["jti"]


async def test_an_exchange_may_narrow(flow: Any) -> None:
    subject = (await flow.tokens())["access_token"]
    assert claims_of(await flow.exchange(subject, scope="user/Patient.r"))["scope"] == "user/Patient.r"


async def test_an_exchange_keeps_what_a_scope_is_narrowed_to(flow: Any) -> None:
    narrowed = "user/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
    subject = (await flow.tokens(scope=f"openid {narrowed}"))["access_token"]
    assert claims_of(await flow.exchange(subject))["scope"] == f"openid {narrowed}"
    assert claims_of(await flow.exchange(subject, scope=f"{narrowed}&status=final"))["scope"] == (
        f"{narrowed}&status=final"
    )
    wider = await flow.exchange(subject, scope="user/Observation.rs")
    assert (wider.status_code, wider.json()["error"]) == (400, "invalid_scope")


async def test_services_read_what_was_revoked(flow: Any, server: Any) -> None:
    tokens = await flow.tokens()
    await server.post("/revoke", data={"token": tokens["refresh_token"], "client_id": "app"})
    login = await asked(server, auth=GATEWAY, scope="system/revocations.read", resource="http://127.0.0.1:8003")
    bearer = {"Authorization": f"Bearer {login.json()['access_token']}"}
    told = (await server.get("/internal/revocations", headers=bearer)).json()["revocations"]
    sid = pyjwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"]
    assert [(entry["kind"], entry["value"]) for entry in told] == [("session", sid)]
    assert (await server.get("/internal/revocations")).status_code == 401
    bearer = {"Authorization": f"Bearer {(await asked(server)).json()['access_token']}"}
    assert (await server.get("/internal/revocations", headers=bearer)).status_code == 403
