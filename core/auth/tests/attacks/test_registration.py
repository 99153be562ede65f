"""Clients register themselves and look after their registration; attacks on that (50)."""

import asyncio
from typing import Any

import pytest
from sqlmodel import select

from bedside.auth.clients import INITIAL_TOKEN_LIFE, By, disable_client, make_initial_access_token
from bedside.auth.tables import AuditEvent, Client
from core.auth.tests.registering import APP, CALLBACK, PROGRAM, bearer, refusal, register

FHIR = "http://127.0.0.1:8000/fhir"
PATIENTS = "http://127.0.0.1:8001"


@pytest.fixture
def initial(authority: Any) -> Any:
    def made() -> str:
        with authority.units.unit() as session:
            return make_initial_access_token(authority, session, by=By(user_id="u-admin"))

    return made


async def test_an_app_registers_with_an_initial_access_token(server: Any, initial: Any, clock: Any) -> None:
    answer = await register(server, initial())
    told = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    client_id, secret, token = (told.pop(name) for name in ("client_id", "client_secret", "registration_access_token"))
    assert len(secret) >= 43
    assert len(token) >= 43
    assert abs(told.pop("client_id_issued_at") - clock.now().timestamp()) < 5
    assert told == APP | {
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "post_logout_redirect_uris": [],
        "audiences": [FHIR],
        "exchange_audiences": [],
        "assertion_to_issuer": False,
        "dpop_bound_access_tokens": False,
        "require_pushed_authorization_requests": False,
        "client_secret_expires_at": 0,
        "registration_client_uri": f"http://127.0.0.1:8003/register/{client_id}",
    }


async def test_a_registered_app_signs_people_in(server: Any, initial: Any, flow: Any, told: Any) -> None:
    uri = "http://127.0.0.1:8000/callback"
    app = (await register(server, initial(), redirect_uris=[uri], token_endpoint_auth_method="none")).json()
    assert "client_secret" not in app
    page = await flow.sign_in("patient", client_id=app["client_id"], scope="openid patient/*.rs")
    consent = await server.get(page.headers["location"])
    assert "Growth charts" in consent.text


async def test_a_program_registers_with_a_token_that_manages_clients(server: Any, manager: str) -> None:
    told = (await register(server, manager, PROGRAM, audiences=[PATIENTS], exchange_audiences=[PATIENTS])).json()
    assert (told["audiences"], told["exchange_audiences"]) == ([PATIENTS], [PATIENTS])
    form = {"grant_type": "client_credentials", "scope": "system/*.rs"}
    answer = await server.post("/token", data=form, auth=(told["client_id"], told["client_secret"]))
    assert answer.json()["scope"] == "system/Patient.rs"


async def test_every_registration_is_in_the_access_log_without_its_tokens(
    server: Any, authority: Any, initial: Any, manager: str
) -> None:
    token = initial()
    await register(server, token, scope="system/*.rs")
    app = (await register(server, token)).json()
    program = (await register(server, manager, PROGRAM)).json()
    with authority.units.reading() as session:
        rows = session.exec(select(AuditEvent).where(AuditEvent.action == "client-registered")).all()
        made = session.exec(select(AuditEvent).where(AuditEvent.action == "initial-access-token-made")).one()
    assert [(row.outcome, row.client_id, row.entity) for row in sorted(rows, key=lambda row: row.recorded_at)] == [
        ("refused", None, None),
        ("success", None, f"Client/{app['client_id']}"),
        ("success", "deployer", f"Client/{program['client_id']}"),
    ]
    assert {row.detail.get("by") for row in rows} == {made.entity, None}
    written = str([row.model_dump() for row in (*rows, made)])
    assert not [secret for secret in (token, app["client_secret"], program["client_secret"]) if secret in written]


@pytest.mark.parametrize("token", [None, "", "x", "a.b.c"])
async def test_attack_50_no_initial_token(server: Any, initial: Any, token: str | None) -> None:
    answer = await register(server, token)
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_token"})
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert (await register(server, initial())).status_code == 201


async def test_attack_50_a_token_that_manages_no_clients(server: Any, manager: str, flow: Any) -> None:
    tokens = await flow.tokens()
    answer = await register(server, tokens["access_token"])
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert (await register(server, tokens["id_token"])).status_code == 401
    assert (await register(server, manager)).status_code == 201


async def test_attack_50_an_initial_token_is_good_once(server: Any, initial: Any) -> None:
    token = initial()
    assert (await register(server, token)).status_code == 201
    assert (await register(server, token)).json() == {"error": "invalid_token"}


async def test_attack_50_an_initial_token_at_once_makes_one_client(server: Any, initial: Any) -> None:
    token = initial()
    answers = await asyncio.gather(*(register(server, token) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201] + [401] * 5


async def test_attack_50_an_initial_token_ends(server: Any, initial: Any, clock: Any) -> None:
    token, later = initial(), INITIAL_TOKEN_LIFE
    clock.advance(seconds=later.total_seconds() - 1)
    other = initial()
    clock.advance(seconds=2)
    assert (await register(server, token)).status_code == 401
    assert (await register(server, other)).status_code == 201


async def test_a_mistake_does_not_cost_the_initial_token(server: Any, initial: Any) -> None:
    token = initial()
    assert (await register(server, token, client_name=None)).status_code == 400
    assert (await register(server, token)).status_code == 201


@pytest.mark.parametrize(
    "scope",
    [
        "system/Patient.rs",
        "patient/*.rs system/*.rs",
        "introspect",
        "clients.manage",
        "users.manage",
        "system/events.read",
        "user/AuditEvent.rs",
        "anything",
    ],
)
async def test_attack_50_an_initial_token_gives_nothing_internal(server: Any, initial: Any, scope: str) -> None:
    token = initial()
    answer = await register(server, token, scope=scope)
    assert refusal(answer) == (
        400,
        "invalid_client_metadata",
        "this token does not register clients for that scope",
    )
    assert (await register(server, token, scope="openid user/*.cruds patient/*.rs")).status_code == 201


@pytest.mark.parametrize(
    ("changed", "description"),
    [
        (
            {"grant_types": ["client_credentials"], "redirect_uris": None},
            "this token does not register clients for that grant type",
        ),
        (
            {"grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:token-exchange"]},
            "this token does not register clients for that grant type",
        ),
        ({"audiences": [PATIENTS]}, "this token does not register clients for that audience"),
        ({"exchange_audiences": [PATIENTS]}, "this token does not register clients that exchange tokens"),
    ],
)
async def test_attack_50_an_initial_token_registers_apps_of_people_only(
    server: Any, initial: Any, manager: str, changed: Any, description: str
) -> None:
    answer = await register(server, initial(), **changed)
    assert refusal(answer) == (400, "invalid_client_metadata", description)
    assert (await register(server, manager, **changed)).status_code == 201


async def test_no_registration_makes_a_first_party_or_a_service(server: Any, authority: Any, initial: Any) -> None:
    sent = {"first_party": True, "service": True, "client_id": "gateway", "client_secret": "chosen"}
    told = (await register(server, initial(), **sent)).json()
    with authority.units.reading() as session:
        client = session.get_one(Client, told["client_id"])
    assert (client.first_party, client.service, client.id == "gateway") == (False, False, False)
    assert told["client_secret"] != "chosen"


ONE_ADDRESS = "a redirect URI is an https address, or an http address of the loopback interface"


@pytest.mark.parametrize(
    ("uri", "description"),
    [
        ("http://app.example.org/callback", ONE_ADDRESS),
        ("http://127.0.0.1.example.org/callback", ONE_ADDRESS),
        ("http://localhost.example.org/callback", ONE_ADDRESS),
        ("http://127.0.0.2/callback", ONE_ADDRESS),
        ("http://localhost@app.example.org/", ONE_ADDRESS),
        ("https://user:secret@app.example.org/", ONE_ADDRESS),
        ("javascript:alert(1)", ONE_ADDRESS),
        ("JavaScript://app.example.org/%0aalert(1)", ONE_ADDRESS),
        ("data:text/html,x", ONE_ADDRESS),
        ("file:///etc/passwd", ONE_ADDRESS),
        ("org.example.app:/callback", ONE_ADDRESS),
        ("//app.example.org/callback", ONE_ADDRESS),
        ("/callback", ONE_ADDRESS),
        ("https://", ONE_ADDRESS),
        ("https:///callback", ONE_ADDRESS),
        ("", ONE_ADDRESS),
        ("https://app.example.org/call back", ONE_ADDRESS),
        ("https://app.example.org/\r\nSet-Cookie: x", ONE_ADDRESS),
        ("https://app.example.org\\@evil.example/", ONE_ADDRESS),
        ('https://app.example.org/"><script>', ONE_ADDRESS),
        ("https://app.example.org:99999/", ONE_ADDRESS),
        ("https://app.example.org:x/", ONE_ADDRESS),
        ("https://äpp.example.org/", ONE_ADDRESS),
        ("https://app.example.org/" + "x" * 1_000, ONE_ADDRESS),
        ("https://*.example.org/callback", "redirect URIs have no wildcards"),
        ("https://app.example.org/*", "redirect URIs have no wildcards"),
        ("https://app.example.org/callback#part", "redirect URIs have no fragment"),
        ("https://app.example.org/callback#", "redirect URIs have no fragment"),
        ("https://app.example.org/a/../callback", "the path of a redirect URI does not climb"),
        ("https://app.example.org/a/%2E%2e/callback", "the path of a redirect URI does not climb"),
    ],
)
async def test_attack_50_a_redirect_uri_that_leads_elsewhere(
    server: Any, manager: str, uri: str, description: str
) -> None:
    # Not even for those who may register anything.
    answer = await register(server, manager, redirect_uris=[CALLBACK, uri])
    assert refusal(answer) == (400, "invalid_redirect_uri", description)
    assert (await register(server, manager, post_logout_redirect_uris=[uri])).status_code == 400


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example.org/callback",
        "https://app.example.org:8443/a/b?state=1&x=%20",
        "http://127.0.0.1:51004/callback",
        "http://localhost/callback",
        "http://[::1]:8080/callback",
    ],
)
async def test_https_and_the_loopback_interface_are_redirected_to(server: Any, initial: Any, uri: str) -> None:
    answer = await register(server, initial(), redirect_uris=[uri])
    assert (answer.status_code, answer.json()["redirect_uris"]) == (201, [uri])


@pytest.mark.parametrize(
    "changed",
    [
        {"client_name": None},
        {"client_name": ""},
        {"client_name": " Growth"},
        {"client_name": "x" * 101},
        {"client_name": "Growth\u202echarts"},
        {"client_name": "Growth\ncharts"},
        {"client_name": "Growth\x00charts"},
        {"client_name": ["Growth"]},
        {"logo_uri": "javascript:alert(1)"},
        {"logo_uri": "http://app.example.org/logo.png"},
        {"logo_uri": 'https://app.example.org/"onerror="alert(1)'},
        {"client_uri": 17},
        {"scope": ["openid"]},
        {"scope": 'openid "'},
        {"scope": "openid  profile"},
        {"scope": " ".join(f"s{n}" for n in range(201))},
        {"grant_types": []},
        {"grant_types": "authorization_code"},
        {"grant_types": ["password"]},
        {"grant_types": ["implicit"]},
        {"grant_types": ["refresh_token"]},
        {"grant_types": ["authorization_code", "authorization_code"]},
        {"response_types": ["token"]},
        {"response_types": ["code", "code id_token"]},
        {"token_endpoint_auth_method": "client_secret_jwt"},
        {"token_endpoint_auth_method": "tls_client_auth"},
        {"token_endpoint_auth_method": 1},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "client_credentials"]},
        {"jwks_uri": "http://keys.example.org/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks": "x"},
        {"dpop_bound_access_tokens": "yes"},
        {"audiences": ["patients"]},
        {"audiences": [f"{PATIENTS}/"]},
        {"redirect_uris": "https://app.example.org"},
        {"redirect_uris": [17]},
    ],
)
async def test_what_makes_no_sense_is_not_registered(server: Any, manager: str, changed: Any) -> None:
    answer = await register(server, manager, **changed)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{", 400),
        (b'{"client_name":"a","client_name":"b"}', 400),
        (b"[" * 60_000, 400),
        (b'"' + b"x" * 70_000 + b'"', 413),
        (b"\xff", 400),
    ],
)
async def test_a_body_that_is_no_registration_is_refused(server: Any, manager: str, body: bytes, status: int) -> None:
    answer = await server.post("/register", content=body, headers=bearer(manager))
    assert (answer.status_code, answer.json()["error"]) == (status, "invalid_client_metadata")


class Registration:
    """A registered client that looks after itself."""

    def __init__(self, server: Any, told: dict[str, Any]) -> None:
        self.server, self.told = server, told
        self.path = told["registration_client_uri"].removeprefix("http://127.0.0.1:8003")
        self.token = told["registration_access_token"]

    async def read(self, token: str | None = None) -> Any:
        return await self.server.get(self.path, headers=bearer(token or self.token))

    async def update(self, token: str | None = None, **changed: Any) -> Any:
        body = {"client_id": self.told["client_id"]} | APP | changed
        return await self.server.put(self.path, json=body, headers=bearer(token or self.token))

    async def delete(self, token: str | None = None) -> Any:
        return await self.server.delete(self.path, headers=bearer(token or self.token))


@pytest.fixture
async def own(server: Any, initial: Any) -> Registration:
    return Registration(server, (await register(server, initial())).json())


async def test_a_client_reads_its_registration_but_not_its_secret_again(own: Registration) -> None:
    told = own.told.copy()
    for secret in ("client_secret", "client_secret_expires_at", "registration_access_token"):
        del told[secret]
    assert (await own.read()).json() == told


async def test_a_client_changes_its_registration(own: Registration) -> None:
    answer = await own.update(client_name="Growth", client_secret=own.told["client_secret"])
    assert (answer.status_code, answer.json()["client_name"]) == (200, "Growth")
    assert (await own.read()).json() == answer.json()


async def test_a_client_removes_itself_and_all_it_was_granted(own: Registration, server: Any, authority: Any) -> None:
    assert (await own.delete()).status_code == 204
    assert [(await own.read()).status_code, (await own.delete()).status_code] == [401, 401]
    with authority.units.reading() as session:
        client = session.get_one(Client, own.told["client_id"])
    assert (client.active, client.secret_hash) == (False, None)


async def test_attack_50_another_clients_registration_token(own: Registration, server: Any, initial: Any) -> None:
    other = Registration(server, (await register(server, initial())).json())
    for token in (other.token, own.told["client_secret"], initial(), "x"):
        for answer in (await own.read(token), await own.update(token), await own.delete(token)):
            assert (answer.status_code, answer.json()) == (401, {"error": "invalid_token"})
    unknown = await server.get("/register/nobody", headers=bearer(other.token))
    assert (unknown.status_code, unknown.json()) == (401, {"error": "invalid_token"})
    assert (await other.read()).status_code == 200


async def test_attack_50_clients_without_a_registration_token_are_not_opened_by_any(server: Any) -> None:
    for token in ("", "x", "the token of no client"):
        answer = await server.get("/register/gateway", headers=bearer(token))
        assert answer.status_code == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"scope": "system/*.cruds"},
        {"scope": "openid clients.manage"},
        {"grant_types": ["authorization_code", "client_credentials"]},
        {"audiences": [PATIENTS]},
        {"exchange_audiences": [PATIENTS]},
        {"client_id": "gateway"},
        {"client_id": None},
        {"client_secret": "chosen"},
        {"client_secret": 17},
        {"redirect_uris": ["http://evil.example/"]},
    ],
)
async def test_attack_50_a_client_does_not_raise_itself(own: Registration, changed: Any) -> None:
    before = (await own.read()).json()
    assert (await own.update(**changed)).status_code == 400
    assert (await own.read()).json() == before
    assert (await own.update(scope="openid user/*.rs")).status_code == 200


async def test_attack_50_a_program_keeps_what_it_was_given_and_gains_nothing(server: Any, manager: str) -> None:
    program = Registration(server, (await register(server, manager, PROGRAM, dpop_bound_access_tokens=True)).json())
    wider = await program.update(**PROGRAM | {"redirect_uris": [], "scope": "system/*.rs"})
    assert refusal(wider)[2] == "this token does not register clients for that scope"
    kept = await program.update(**PROGRAM | {"redirect_uris": [], "client_name": "Day job"})
    assert (kept.status_code, kept.json()["scope"]) == (200, "system/Patient.rs")
    # Nor does it untie what an administrator tied.
    assert kept.json()["dpop_bound_access_tokens"] is True


async def test_a_disabled_client_does_not_look_after_itself(own: Registration, authority: Any) -> None:
    with authority.units.unit() as session:
        client = session.get_one(Client, own.told["client_id"])
        disable_client(authority, session, client, by=By(user_id="u-admin"))
    assert [(await own.read()).status_code, (await own.update()).status_code] == [401, 401]


async def test_a_name_full_of_markup_is_shown_as_it_is(server: Any, initial: Any, flow: Any) -> None:
    uri = "http://127.0.0.1:8000/callback"
    name = "<img src=x onerror=alert(1)>\"'"
    app = (await register(server, initial(), client_name=name, redirect_uris=[uri], scope="patient/*.rs")).json()
    page = await flow.sign_in("patient", client_id=app["client_id"], scope="patient/*.rs")
    consent = await server.get(page.headers["location"])
    assert "&lt;img src=x" in consent.text
    assert "<img" not in consent.text
