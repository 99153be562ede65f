"""Who may not break the glass, or not yet, and what is not understood."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bedside.auth.directory import user_named
from bedside.auth.glass.step_up import has_stepped_up, step_up_wanted
from bedside.auth.tables import Client, Consent
from bedside.identity.acr import ONE_FACTOR, PHISHING_RESISTANT, TWO_FACTORS
from bedside.identity.testing import TestIssuer
from core.auth.tests.emergencies import ASKED, ON_SQLITE, audited, broken, exchanged, signed_in, told

pytestmark = ON_SQLITE


@pytest.fixture
async def bearer(flow: Any) -> str:
    token: str = (await signed_in(flow))["access_token"]
    return token


@pytest.mark.parametrize("username", ["frontdesk", "admin", "patient"])
async def test_other_roles_have_none(username: str, server: Any, flow: Any, authority: Any) -> None:
    scope = "openid patient/*.rs" if username == "patient" else "openid user/*.rs user/AuditEvent.rs"
    token = (await signed_in(flow, username, scope=scope))["access_token"]
    answer = await broken(server, token)
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert audited(authority, "glass-broken") == [("refused", [], "BTG", {"reason": "not-permitted"})]


async def test_a_token_that_reads_no_patients_opens_none(server: Any, flow: Any) -> None:
    token = (await signed_in(flow, scope="openid user/Location.rs"))["access_token"]
    assert (await broken(server, token)).status_code == 403


@pytest.mark.parametrize(
    ("app", "scope"), [("foreign", "openid online_access user/*.rs"), ("app", "openid offline_access user/*.rs")]
)
async def test_an_app_of_others_or_one_that_goes_on_alone_neither_breaks_nor_inherits_it(
    app: str, scope: str, server: Any, flow: Any, authority: Any, bearer: str
) -> None:
    with authority.units.unit() as session:
        if app == "foreign":
            # Consent is other tests' concern.
            _consented(session, "physician", app, scope)
    other = (await signed_in(flow, client_id=app, scope=scope))["access_token"]
    refused = await broken(server, other)
    assert (refused.status_code, audited(authority, "glass-broken")[-1][3]) == (403, {"reason": "app"})
    assert (await broken(server, bearer)).status_code == 201
    assert "btg" not in await exchanged(flow, other)
    assert "btg" in await exchanged(flow, bearer)


async def test_an_older_sign_in_has_to_be_renewed_first(server: Any, flow: Any, authority: Any, clock: Any) -> None:
    granted = await signed_in(flow)
    clock.advance(minutes=6)
    old = (await flow.refresh(granted["refresh_token"])).json()["access_token"]
    answer = await broken(server, old)
    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert challenge == 'Bearer realm="bedside", error="insufficient_user_authentication", max_age="300"'
    assert answer.json()["max_age"] == 300
    assert audited(authority, "glass-broken") == [("refused", ["p1"], "BTG", {"reason": "step-up"})]

    anew = (await signed_in(flow, max_age="300"))["access_token"]
    assert (await broken(server, anew)).status_code == 201


@pytest.mark.parametrize(
    ("demo", "claims", "enough"),
    [
        (False, {"acr": TWO_FACTORS}, True),
        (False, {"acr": PHISHING_RESISTANT}, True),
        (False, {"acr": ONE_FACTOR}, False),
        (False, {"acr": "gold"}, False),
        (False, {"acr": ["phr"]}, False),
        (False, {}, False),
        (False, {"acr": TWO_FACTORS, "auth_time": 0}, False),
        (False, {"acr": TWO_FACTORS, "auth_time": None}, False),
        (True, {"acr": ONE_FACTOR}, True),
        (True, {"acr": TWO_FACTORS, "auth_time": 0}, False),
    ],
    ids=str,
)
async def test_outside_a_demo_a_second_factor_is_part_of_it(
    demo: bool, claims: dict[str, Any], enough: bool, authority: Any
) -> None:
    issuer, now = TestIssuer(), datetime.now(UTC)
    installation = replace(authority.installation, demo=demo)
    token = await issuer.verifier().verify(issuer.token(**{"auth_time": int(now.timestamp())} | claims))
    assert has_stepped_up(token, installation, now=now) is enough
    assert step_up_wanted(installation).acr_values == (None if demo else "urn:bedside:acr:two-factors phr")


@pytest.mark.parametrize(
    "changed",
    [
        {"patient": "../p1"},
        {"patient": ""},
        {"patient": "p" * 65},
        {"patient": 1},
        {"reason": "curiosity"},
        {"reason": None},
        {"note": "too short"},
        {"note": "   \u200b\u200b\u200b\u200b\u200b\u200b\u200b\u200b   "},
        {"note": "x" * 501},
        {"note": "x" * 9000},
        {"until": "2099-01-01"},
    ],
    ids=str,
)
async def test_what_is_not_asked_properly_is_not_opened(
    changed: dict[str, Any], server: Any, authority: Any, bearer: str
) -> None:
    answer = await broken(server, bearer, **changed)
    assert answer.status_code in (400, 413)
    assert told(authority) == []


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"patient":"p1"'])
async def test_a_body_that_is_none_is_refused(body: bytes, server: Any, bearer: str) -> None:
    answer = await server.post("/glass", content=body, headers={"Authorization": f"Bearer {bearer}"})
    assert answer.status_code == 400


async def test_without_a_token_nothing_is_opened(server: Any) -> None:
    assert (await server.post("/glass", json=ASKED)).status_code == 401
    assert (await server.post("/glass/x/end")).status_code == 401


def _consented(session: Any, username: str, client_id: str, scope: str) -> None:
    user = user_named(session, username)
    client = session.get_one(Client, client_id)
    client.first_party = False
    session.add(client)
    assert user is not None
    session.add(Consent(user_id=user.id, client_id=client_id, scope=scope, given_at=user.created_at))
