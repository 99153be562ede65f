"""Clients in the console: registered, changed, given a secret that is shown once, disabled."""

import re
from typing import Any

import pytest
from sqlmodel import select

from bedside.auth.admin.client import GRANTS, METHODS
from bedside.auth.admin.scope_words import in_words
from bedside.auth.clients.metadata import AUTH_METHODS, GRANT_TYPES
from bedside.auth.demo import WORKBENCH_SCOPE
from bedside.auth.tables import AuditEvent, Client
from core.auth.tests.administering import Administering, note_of

FHIR = "http://127.0.0.1:8000/fhir"
MACHINE = {
    "name": "Night report",
    "client_id": "night-report",
    "auth_method": "client_secret_basic",
    "grant_types": "client_credentials",
    "scope": "system/Patient.rs\nsystem/Observation.rs",
}


@pytest.fixture
async def admin(flow: Any) -> Administering:
    admin = Administering(flow)
    await admin.open("/admin/clients/new")
    return admin


def secret_of(page: Any) -> str | None:
    found = re.search(r'value="([^"]+)" readonly[^>]* data-testid="secret"', page.text)
    return found[1] if found else None


def kept(authority: Any, client_id: str) -> Client:
    with authority.units.reading() as session:
        return session.get_one(Client, client_id)


def told(authority: Any) -> list[tuple[str, str]]:
    """What people did to the client, by the access log."""
    with authority.units.reading() as session:
        rows = session.exec(select(AuditEvent).where(AuditEvent.entity == "Client/night-report")).all()
    return sorted((row.action, row.outcome) for row in rows if row.user_id is not None)


async def token(server: Any, secret: str | None) -> Any:
    form = {"grant_type": "client_credentials", "scope": "system/Patient.rs"}
    return await server.post("/token", data=form, auth=("night-report", secret or "none"))


async def test_a_client_is_registered_and_its_secret_is_shown_once(
    admin: Administering, server: Any, authority: Any
) -> None:
    page = await admin.send("/admin/clients/new", **MACHINE)
    secret = secret_of(page)
    assert (note_of(page), page.status_code) == ("The program is registered.", 200)
    assert "read and search Patient records of everybody, without a person" in page.text
    assert (await token(server, secret)).status_code == 200
    assert secret_of(await admin.open("/admin/clients/night-report")) is None
    client = kept(authority, "night-report")
    assert (client.name, client.scope, client.audiences) == (
        "Night report",
        "system/Patient.rs system/Observation.rs",
        [FHIR],
    )
    assert told(authority) == [("client-registered", "success")]


async def test_a_public_client_has_no_secret(admin: Administering, authority: Any) -> None:
    page = await admin.send(
        "/admin/clients/new",
        name="Ward round",
        client_id="ward-round",
        auth_method="none",
        grant_types=["authorization_code", "refresh_token"],
        redirect_uris="https://app.example/callback\n\n https://app.example/other ",
        scope="openid user/*.rs",
    )
    assert (secret_of(page), note_of(page)) == (None, "The program is registered.")
    assert kept(authority, "ward-round").redirect_uris == ["https://app.example/callback", "https://app.example/other"]


async def test_a_client_with_a_key_is_registered_with_its_keys(admin: Administering, authority: Any) -> None:
    address = "https://app.example/jwks"
    page = await admin.send("/admin/clients/new", **MACHINE | {"auth_method": "private_key_jwt", "jwks_uri": address})
    assert (secret_of(page), kept(authority, "night-report").jwks_uri) == (None, address)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"name": ""}, "Give it a name"),
        ({"client_id": "integrator"}, "There is a client of this id"),
        ({"client_id": "bedside-auth"}, "There is a client of this id"),
        ({"client_id": "../x"}, "A client id has at most 64"),
        ({"grant_types": []}, "Choose what it may do"),
        ({"redirect_uris": "https://x.example/"}, "Redirect URIs are used only by"),
        ({"grant_types": "authorization_code", "redirect_uris": "http://evil.example/"}, "A redirect URI is an https"),
        ({"grant_types": "authorization_code", "redirect_uris": "https://*.example/"}, "Redirect URIs have no wildc"),
        ({"auth_method": "private_key_jwt"}, "It shows a key of its own: give"),
        ({"auth_method": "private_key_jwt", "jwks": "{"}, "The keys are no JSON"),
        ({"auth_method": "private_key_jwt", "jwks": "[1]"}, "The keys are no JWK Set"),
        ({"auth_method": "private_key_jwt", "jwks": "[" * 5000}, "The keys are no JSON"),
        ({"auth_method": "none"}, "A public app cannot act for itself"),
        ({"grant_types": ["client_credentials", "refresh_token"]}, "It can go on acting"),
        ({"grant_types": "authorization_code"}, "A program that acts for a person needs"),
        ({"audiences": "patients/"}, "What its tokens are for"),
        ({"auth_method": "private_key_jwt", "jwks_uri": "http://x.example/"}, "The address of its keys must"),
        ({"auth_method": "private_key_jwt", "jwks": "{}", "jwks_uri": "https://x.example/"}, "Give the address"),
        ({"name": "a\u2028b"}, "The name holds characters"),
        ({"scope": 'system/"x"'}, "A scope has a character"),
    ],
)
async def test_what_cannot_be_registered_is_shown_again_with_the_reason(
    admin: Administering, authority: Any, changed: dict[str, Any], says: str
) -> None:
    page = await admin.send("/admin/clients/new", **MACHINE | changed)
    problem = re.search(r'data-testid="problem">([^<]*)<', page.text)
    assert problem
    assert (page.status_code, problem[1].startswith(says)) == (422, True), problem[1]
    assert "system/" in page.text, "what was typed is not lost"
    with authority.units.reading() as session:
        assert session.get(Client, "night-report") is None
        refused = session.exec(select(AuditEvent).where(AuditEvent.action == "console-refused")).one()
    assert (refused.outcome, "x.example" in str(refused.detail)) == ("refused", False)


async def test_a_registration_is_changed_and_keeps_what_the_form_does_not_show(
    admin: Administering, server: Any, authority: Any
) -> None:
    secret = secret_of(await admin.send("/admin/clients/new", **MACHINE))
    await admin.open("/admin/clients/night-report/edit")
    page = await admin.send("/admin/clients/night-report/edit", **MACHINE | {"name": "Night & day"})
    assert note_of(page) == "The registration is changed."
    assert "Night &amp; day" in page.text
    assert (await token(server, secret)).status_code == 200
    assert told(authority) == [("client-registered", "success"), ("client-updated", "success")]


async def test_a_secret_is_rotated_without_a_pause(admin: Administering, server: Any, authority: Any) -> None:
    before = secret_of(await admin.send("/admin/clients/new", **MACHINE))
    asked = await admin.open("/admin/clients/night-report/rotate")
    assert "Make a new secret for Night report?" in asked.text
    page = await admin.send("/admin/clients/night-report/rotate")
    after = secret_of(page)
    assert after not in (None, before)
    assert [(await token(server, secret)).status_code for secret in (before, after)] == [200, 200]
    await admin.send("/admin/clients/night-report/end-old-secret")
    assert [(await token(server, secret)).status_code for secret in (before, after)] == [401, 200]
    assert told(authority)[:2] == [("client-old-secret-ended", "success"), ("client-registered", "success")]


async def test_a_disabled_client_may_act_no_longer_until_it_is_enabled(
    admin: Administering, server: Any, authority: Any
) -> None:
    secret = secret_of(await admin.send("/admin/clients/new", **MACHINE))
    await admin.open("/admin/clients/night-report/disable")
    assert "Disabled" in (await admin.send("/admin/clients/night-report/disable")).text
    assert (await token(server, secret)).status_code == 401
    await admin.send("/admin/clients/night-report/enable")
    assert (await token(server, secret)).status_code == 200
    assert [action for action, _ in told(authority)] == ["client-disabled", "client-enabled", "client-registered"]


async def test_the_services_of_the_installation_cannot_be_changed(admin: Administering, authority: Any) -> None:
    page = await admin.open("/admin/clients/gateway")
    assert "This is a part of Bedside itself" in page.text
    assert "/admin/clients/gateway/" not in page.text
    await admin.open("/admin/clients/new")
    for act in ("rotate", "disable", "end-old-secret", "enable", "edit"):
        answer = await admin.send(f"/admin/clients/gateway/{act}", **MACHINE)
        assert "The services of this installation are not registered by hand." in answer.text, act
        await admin.open("/admin/clients/new")
    assert kept(authority, "gateway").active


async def test_what_stands_for_our_own_pages_is_no_client(admin: Administering) -> None:
    assert "bedside-auth" not in (await admin.open("/admin/clients")).text
    assert (await admin.open("/admin/clients/bedside-auth")).status_code == 404


async def test_clients_are_found_by_name_and_state(admin: Administering) -> None:
    async def found(**query: str) -> list[str]:
        page = await admin.open("/admin/clients", **query)
        return re.findall(r'<a href="/admin/clients/([a-z-]+)">', page.text)

    assert await found(q="integr") == ["integrator"]
    assert await found(q="_") == []
    assert await found(state="disabled") == []
    assert "<b>" not in (await admin.open("/admin/clients", q="app")).text


async def test_an_initial_access_token_is_shown_once(admin: Administering, authority: Any) -> None:
    await admin.open("/admin/clients/initial-access-tokens")
    page = await admin.send("/admin/clients/initial-access-tokens", made_for="Growth charts Ltd")
    assert secret_of(page)
    again = await admin.open("/admin/clients/initial-access-tokens")
    assert (secret_of(again), again.text.count('data-testid="token-row"'), "The admin" in again.text) == (None, 1, True)
    assert "Growth charts Ltd" in again.text


async def test_an_initial_access_token_for_nobody_is_not_made(admin: Administering) -> None:
    await admin.open("/admin/clients/initial-access-tokens")
    page = await admin.send("/admin/clients/initial-access-tokens", made_for=" ")
    assert (note_of(page)[:18], "token-row" in page.text) == ("Say whom it is for", False)


async def registered_with(server: Any, token: str | None) -> int:
    app = {"client_name": "Chart", "redirect_uris": ["https://app.example/"], "token_endpoint_auth_method": "none"}
    headers = {"Authorization": f"Bearer {token}"}
    return int((await server.post("/register", json=app, headers=headers)).status_code)


async def test_a_withdrawn_initial_access_token_registers_nothing(
    admin: Administering, server: Any, authority: Any
) -> None:
    tokens = []
    for whom in ("kept", "withdrawn"):
        await admin.open("/admin/clients/initial-access-tokens")
        tokens.append(secret_of(await admin.send("/admin/clients/initial-access-tokens", made_for=whom)))
    row = re.search(r'action="([^"]+/withdraw)">(?:(?!</form>).)*for withdrawn"', admin.shown.text, re.S)
    assert row
    assert note_of(await admin.send(row[1])).startswith("Withdrawn")
    assert [await registered_with(server, token) for token in tokens] == [201, 401]
    await admin.open("/admin/clients/initial-access-tokens")
    assert "kept" not in admin.shown.text, "a used one is not offered"
    assert (await admin.send(row[1].replace("withdraw", "x"))).status_code in (404, 405)
    with authority.units.reading() as session:
        acts = session.exec(select(AuditEvent.action).where(AuditEvent.action.startswith("initial-access"))).all()
    assert sorted(acts) == ["initial-access-token-made"] * 2 + ["initial-access-token-withdrawn"]


def test_the_form_offers_what_can_be_registered() -> None:
    assert (tuple(METHODS), tuple(GRANTS)) == (("none", *AUTH_METHODS[:-1]), GRANT_TYPES)


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("user/Observation.rs", "read and search Observation records as far as the person's role goes"),
        (
            "system/*.cruds",
            "create, read, change, delete and search all kinds of records of everybody, without a person",
        ),
        ("patient/*.read", "read and search all kinds of records of one patient, as far as the person's role goes"),
        (
            "user/Observation.rs?category=laboratory",
            "read and search Observation records, only those that fit its query, as far",
        ),
        ("offline_access", "go on while the person is away, for up to a year"),
        ("system/Pat", None),
        ("<script>", None),
        ("", None),
    ],
)
def test_a_scope_is_put_in_words(scope: str, words: str | None) -> None:
    told_words = in_words(scope)
    assert (told_words or "").startswith(words or "") if words else told_words is None


def test_all_that_the_workbench_asks_for_has_words() -> None:
    assert [scope for scope in WORKBENCH_SCOPE.split() if in_words(scope) is None] == []
