"""Attacks on introspection and revocation (71, 72), RFC 7662 and RFC 7009; and what both are for."""

from typing import Any

import jwt as pyjwt
import pytest
from sqlmodel import col, select

from bedside.auth.directory import keep_client
from bedside.auth.tables import AuditEvent

FHIR, PATIENTS = "http://127.0.0.1:8000/fhir", "http://127.0.0.1:8001"
INACTIVE = (200, {"active": False})
GATEWAY = ("gateway", "gateway-secret")
WATCHER = ("watcher", "watcher-secret")


@pytest.fixture
def watcher(authority: Any) -> tuple[str, str]:
    """A client that may introspect what is for the FHIR base, and for nothing else."""
    with authority.units.unit() as session:
        keep_client(
            session, "watcher", name="Watcher", secret="watcher-secret", grant_types=["client_credentials"],
            scope="introspect", audiences=[FHIR],
        )  # fmt: skip
    return WATCHER


async def introspected(server: Any, token: str | None, auth: Any, **form: str) -> tuple[int, Any]:
    answer = await server.post("/introspect", data=form | ({"token": token} if token is not None else {}), auth=auth)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("auth", [None, ("integrator", "integrator-secret"), ("gateway", "wrong"), ("nobody", "x")])
async def test_attack_71_who_does_not_hold_introspect(
    flow: Any, server: Any, authority: Any, watcher: Any, auth: Any
) -> None:
    token = (await flow.tokens())["access_token"]
    form = {} if auth else {"client_id": "app"}
    status, told = await introspected(server, token, auth, **form)
    assert (status, told) == (401, {"error": "invalid_client", "error_description": "client authentication failed"})
    with authority.units.reading() as session:
        last = session.exec(select(AuditEvent).order_by(col(AuditEvent.recorded_at).desc())).first()
    assert last is not None
    assert last.action in ("introspection-refused", "client-refused")
    assert (await introspected(server, token, watcher))[1]["active"] is True


async def test_attack_71_a_token_for_another_audience_is_inactive(flow: Any, server: Any, watcher: Any) -> None:
    token = (await flow.tokens())["access_token"]
    exchanged = (await flow.exchange(token)).json()["access_token"]
    assert await introspected(server, exchanged, watcher) == INACTIVE
    assert await introspected(server, token, GATEWAY) == INACTIVE
    assert (await introspected(server, token, watcher))[1]["aud"] == FHIR
    assert (await introspected(server, exchanged, GATEWAY))[1]["aud"] == PATIENTS


@pytest.mark.parametrize("kind", ["revoked", "expired", "unknown", "id token", "refresh token", "altered", "megabyte"])
async def test_what_is_no_good_is_inactive_and_nothing_more_is_said(
    flow: Any, server: Any, watcher: Any, clock: Any, kind: str
) -> None:
    tokens = await flow.tokens()
    token = tokens["access_token"]
    assert (await introspected(server, token, watcher))[1]["active"] is True
    if kind == "revoked":
        await server.post("/revoke", data={"token": token, "client_id": "app"})
    elif kind == "expired":
        clock.advance(minutes=6, seconds=1)
    others = {
        "unknown": "x",
        "id token": tokens["id_token"],
        "refresh token": tokens["refresh_token"],
        "altered": token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"),
        "megabyte": "x" * 50_000,
    }
    assert await introspected(server, others.get(kind, token), watcher) == INACTIVE


async def test_what_is_good_is_told_as_smart_wants_it(flow: Any, server: Any, watcher: Any) -> None:
    """https://hl7.org/fhir/smart-app-launch/token-introspection.html"""
    scope = "openid fhirUser launch/patient patient/*.rs"
    token = (await flow.tokens("patient", scope=scope))["access_token"]
    claims = pyjwt.decode(token, options={"verify_signature": False})
    assert await introspected(server, token, watcher) == (
        200,
        {
            "active": True,
            "token_type": "Bearer",
            "iss": "http://127.0.0.1:8003",
            "aud": FHIR,
            "sub": claims["sub"],
            "client_id": "app",
            "scope": claims["scope"],
            "exp": claims["exp"],
            "iat": claims["iat"],
            "jti": claims["jti"],
            "patient": "p1",
            "fhirUser": f"{FHIR}/{claims['fhirUser']}",
        },
    )


async def test_without_a_token_there_is_nothing_to_say(server: Any, watcher: Any) -> None:
    for path in ("/introspect", "/revoke"):
        answer = await server.post(path, auth=watcher, data={"token_type_hint": "access_token"})
        assert (answer.status_code, answer.json()["error_description"]) == (400, "token is missing")


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "unheard-of"])
async def test_attack_72_revoking_anothers_token_has_no_effect(
    flow: Any, server: Any, watcher: Any, kind: str, hint: str | None
) -> None:
    tokens = await flow.tokens()
    form = {"token": tokens[kind]} | ({"token_type_hint": hint} if hint else {})
    answers = [
        await server.post("/revoke", data=form | {"client_id": "other"}),
        await server.post("/revoke", data=form, auth=("integrator", "integrator-secret")),
    ]
    assert [(answer.status_code, answer.content) for answer in answers] == [(200, b"")] * 2
    assert (await introspected(server, tokens["access_token"], watcher))[1]["active"] is True
    # Its owner's wish is heard, whatever the hint says.
    assert (await server.post("/revoke", data=form | {"client_id": "app"})).status_code == 200
    assert await introspected(server, tokens["access_token"], watcher) == INACTIVE
    refreshed = await flow.refresh(tokens["refresh_token"])
    # An access token ends alone (RFC 7009, section 2.1), a refresh token with all that grew with it.
    assert refreshed.status_code == (200 if kind == "access_token" else 400)


async def test_an_unknown_token_is_answered_as_a_known_one(server: Any) -> None:
    answer = await server.post("/revoke", data={"token": "unheard-of", "client_id": "app"})
    assert (answer.status_code, answer.content, answer.headers["cache-control"]) == (200, b"", "no-store")


async def test_what_is_granted_refused_and_revoked_is_in_the_access_log(flow: Any, server: Any, authority: Any) -> None:
    tokens = await flow.tokens(scope="openid online_access user/Patient.rs")
    await flow.refresh(tokens["refresh_token"], scope="user/*.cruds")
    await server.post("/revoke", data={"token": tokens["access_token"], "client_id": "app"})
    await server.post("/revoke", data={"token": tokens["refresh_token"], "client_id": "app"})
    claims = pyjwt.decode(tokens["access_token"], options={"verify_signature": False})
    with authority.units.reading() as session:
        rows = session.exec(
            select(AuditEvent).where(col(AuditEvent.action).startswith("token-")).order_by(col(AuditEvent.recorded_at))
        ).all()
    assert [(row.action, row.outcome, row.user_id, row.client_id, row.entity, row.detail) for row in rows] == [
        ("token-granted", "success", claims["sub"], "app", f"Session/{claims['sid']}",
         {"grant": "authorization_code", "scope": "openid online_access user/Patient.rs"}),
        ("token-refused", "refused", None, "app", None, {"grant": "refresh_token", "reason": "invalid_scope"}),
        ("token-revoked", "success", claims["sub"], "app", f"Token/{claims['jti']}", {}),
        ("token-revoked", "success", claims["sub"], "app", f"Session/{claims['sid']}", {}),
    ]  # fmt: skip
