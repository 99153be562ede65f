"""A whole authorization server per test, on SQLite, and on PostgreSQL where there is one."""

import base64
import hashlib
import os
import re
import secrets
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt as pyjwt
import psycopg
import pytest

from bedside.auth.app import application
from bedside.auth.authority import Authority
from bedside.auth.demo import ensure_services
from bedside.auth.directory import keep_client, keep_user
from bedside.auth.installation import Installation
from bedside.auth.records import Records
from bedside.events.migrating import migrate
from bedside.identity.exchange import ACCESS_TOKEN, GRANT_TYPE
from core.auth.tests.describing import holds

ISSUER = "http://127.0.0.1:8003"
FHIR = "http://127.0.0.1:8000/fhir"
PATIENTS = "http://127.0.0.1:8001"
CALLBACK = "http://127.0.0.1:8000/callback"
MASTER_SECRET = secrets.token_urlsafe(32)
PASSWORD = "correct horse battery staple"
APP_SCOPE = (
    "openid profile fhirUser launch launch/patient launch/encounter online_access offline_access"
    " user/*.cruds patient/*.cruds"
)


@dataclass
class MovableClock:
    """Goes on by a microsecond each time it is read: on a slow machine no wait is over before it is looked at."""

    instant: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        self.advance(microseconds=1)
        return self.instant

    def advance(self, **by: float) -> None:
        self.instant += timedelta(**by)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of this test's own, copied from the prepared one: to make that takes longer than most tests."""
    if request.param == "sqlite":
        path = tmp_path / "auth.db"
        shutil.copyfile(request.getfixturevalue("prepared_file"), path)
        yield f"sqlite:///{path}"
    else:
        template: str = request.getfixturevalue("prepared_database")
        with _postgresql_database(f'TEMPLATE "{template}"') as name:
            yield _postgresql_url(name)


@contextmanager
def _postgresql_database(how: str = "") -> Iterator[str]:
    """Its name; dropped in the end."""
    name = f"auth_{uuid.uuid4().hex}"
    with psycopg.connect(_postgresql_url(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" {how}')
        try:
            yield name
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _postgresql_url(name: str | None = None) -> str:
    server = os.environ.get("BEDSIDE_TEST_DATABASE_URL")
    if not server:
        pytest.fail("BEDSIDE_TEST_DATABASE_URL names no PostgreSQL server; --fast leaves these tests out")
    return urlsplit(server)._replace(path=f"/{name}").geturl() if name else server


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture(scope="session")
def prepared_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prepared") / "auth.db"
    _prepare(f"sqlite:///{path}", MovableClock()).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(scope="session")
def prepared_database() -> Iterator[str]:
    with _postgresql_database() as name:
        _prepare(_postgresql_url(name), MovableClock()).close()
        yield name


@pytest.fixture
def demo() -> bool:
    """In demo mode nobody must have a second factor; tests of factors say otherwise in their own file."""
    return True


@pytest.fixture
def issuer() -> str:
    return ISSUER


@pytest.fixture
def authority(database_url: str, clock: MovableClock, demo: bool, issuer: str) -> Iterator[Authority]:
    opened = Authority.opened(replace(_installation(database_url), demo=demo, issuer=issuer), clock)
    yield replace(opened, records=Records(FHIR, httpx.MockTransport(FhirBase(opened))))
    opened.close()


_PEOPLE = {
    "p1": {"name": [{"family": "Okafor", "given": ["Margaret"]}], "birthDate": "1954-11-02", "gender": "female"},
    "p2": {"name": [{"family": "Okafor", "given": ["<b>Chidi</b>"]}]},
    "gone": {"name": [{"family": "Okafor"}], "link": [{"type": "replaced-by", "other": {"reference": "Patient/p1"}}]},
}
_ENCOUNTERS = {"e1": "p1", "e2": "p2"}


@dataclass
class FhirBase:
    """A FHIR base of two patients, that believes our tokens as a service would and opens `p2` to physicians only."""

    authority: Authority
    away: bool = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            return httpx.Response(503)
        claims = self._claims(request.headers["authorization"].removeprefix("Bearer "))
        path = request.url.path.removeprefix("/fhir/").split("/")
        held = [patient for patient in _PEOPLE if self._opens(claims, patient)]
        if path == ["Patient"]:
            assert "user/Patient.rs" in claims["scope"]
            term = request.url.params.get("name", "").casefold()
            found = [_patient(each) for each in held if term in str(_PEOPLE[each]).casefold()]
            found = found[: int(request.url.params["_count"])]
            return httpx.Response(200, json={"resourceType": "Bundle", "entry": [{"resource": r} for r in found]})
        if path[0] == "Encounter":
            patient = _ENCOUNTERS.get(path[1])
            seen = patient in held and "user/Encounter.r" in claims["scope"]
            subject = {"resourceType": "Encounter", "subject": {"reference": f"Patient/{patient}"}}
            return httpx.Response(200, json=subject) if seen else httpx.Response(404)
        return httpx.Response(200, json=_patient(path[1])) if path[1] in held else httpx.Response(404)

    def _claims(self, bearer: str) -> dict[str, Any]:
        keys = pyjwt.PyJWKSet.from_dict(self.authority.signer.jwks())
        key = keys[pyjwt.get_unverified_header(bearer)["kid"]]
        issuer = self.authority.installation.issuer
        claims: dict[str, Any] = pyjwt.decode(bearer, key, algorithms=["ES256"], audience=FHIR, issuer=issuer)
        assert claims["exp"] - claims["iat"] <= 60
        return claims

    def _opens(self, claims: dict[str, Any], patient: str) -> bool:
        if "user/Patient.rs" not in claims["scope"]:
            return "patient/Patient.r" in claims["scope"] and claims["patient"] == patient
        return patient != "p2" or "physician" in claims["roles"]


def _patient(patient: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": patient, **_PEOPLE[patient]}


def _prepare(database_url: str, clock: MovableClock) -> Authority:
    for package in ("bedside.events", "bedside.auth"):
        migrate(database_url, package)
    opened = Authority.opened(_installation(database_url), clock)
    ensure_services(opened)
    _populate(opened)
    return opened


def _installation(database_url: str) -> Installation:
    return Installation(
        issuer=ISSUER,
        fhir_base=FHIR,
        database_url=database_url,
        master_secret=MASTER_SECRET,
        addresses={
            "gateway": "http://127.0.0.1:8000",
            "patients": PATIENTS,
            "encounters": "http://127.0.0.1:8002",
            "auth": ISSUER,
        },
        service_secrets={name: f"{name}-secret" for name in ("gateway", "patients", "encounters", "auth")},
    )


def _populate(authority: Authority) -> None:
    password_hash = authority.passwords.hash(PASSWORD)
    with authority.units.unit() as session:
        for username, patient in (("physician", None), ("frontdesk", None), ("patient", "p1"), ("admin", None)):
            keep_user(
                session,
                username=username,
                name=f"The {username}",
                password_hash=password_hash,
                roles=[username],
                now=authority.clock.now() - timedelta(minutes=1),
                fhir_user=f"Patient/{patient}" if patient else f"Practitioner/{username}",
                patient=patient,
            )
        for client_id, first_party in (("app", True), ("other", True), ("foreign", False)):
            keep_client(
                session,
                client_id,
                name=f"<b>{client_id}</b>",
                grant_types=["authorization_code", "refresh_token"],
                scope=APP_SCOPE,
                audiences=[FHIR],
                redirect_uris=[CALLBACK],
                post_logout_redirect_uris=["http://127.0.0.1:8000/"],
                first_party=first_party,
            )
        keep_client(
            session,
            "integrator",
            name="Integrator",
            secret="integrator-secret",
            grant_types=["client_credentials"],
            scope="system/*.cruds",
            audiences=[FHIR, PATIENTS],
        )
        keep_client(
            session,
            "poster",
            name="Poster",
            secret="poster-secret",
            auth_method="client_secret_post",
            grant_types=["client_credentials"],
            scope="system/*.cruds",
            audiences=[FHIR],
        )


@pytest.fixture
async def server(authority: Authority) -> Any:
    transport = httpx.ASGITransport(application(authority))
    hooks = {"response": [holds]}
    async with httpx.AsyncClient(
        transport=transport, base_url=authority.installation.issuer, event_hooks=hooks
    ) as client:
        yield client


@dataclass
class Flow:
    """A browser and an app, walking the authorization code grant."""

    browser: httpx.AsyncClient
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def request(self, **changed: str | None) -> dict[str, str]:
        """The authorization request; None leaves a parameter out."""
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": "app",
            "redirect_uri": CALLBACK,
            "scope": "openid fhirUser online_access user/*.rs",
            "state": "st",
            "nonce": "n",
            "aud": FHIR,
            "code_challenge": s256(self.verifier),
            "code_challenge_method": "S256",
        } | changed
        return {name: value for name, value in parameters.items() if value is not None}

    async def authorize(self, **changed: str | None) -> httpx.Response:
        return await self.browser.get("/authorize", params=self.request(**changed))

    async def sign_in_page(self, **changed: str | None) -> httpx.Response:
        answer = await self.authorize(**changed)
        assert answer.status_code == 303, answer.text
        return await self.browser.get(answer.headers["location"])

    async def sign_in(
        self, username: str = "physician", password: str = PASSWORD, **changed: str | None
    ) -> httpx.Response:
        return await self.submit(await self.sign_in_page(**changed), username=username, password=password)

    async def submit(self, page: httpx.Response, path: str = "/sign-in", **typed: str) -> httpx.Response:
        return await self.browser.post(path, data=hidden(page) | typed)

    async def code(self, username: str = "physician", **changed: str | None) -> str:
        return answered(await self.sign_in(username, **changed))["code"]

    async def redeem(self, code: str, **changed: str | None) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "client_id": "app",
            "code_verifier": self.verifier,
        } | changed
        return await self.browser.post(
            "/token", data={name: value for name, value in form.items() if value is not None}
        )

    async def tokens(self, username: str = "physician", **changed: str | None) -> dict[str, Any]:
        answer = await self.redeem(await self.code(username, **changed))
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def refresh(self, refresh_token: str, **changed: str | None) -> httpx.Response:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": "app"} | changed
        return await self.browser.post(
            "/token", data={name: value for name, value in form.items() if value is not None}
        )

    async def exchange(self, bearer: str, **changed: str | None) -> httpx.Response:
        form = {
            "grant_type": GRANT_TYPE,
            "subject_token": bearer,
            "subject_token_type": ACCESS_TOKEN,
            "audience": PATIENTS,
        } | changed
        kept = {name: value for name, value in form.items() if value is not None}
        return await self.browser.post("/token", data=kept, auth=("gateway", "gateway-secret"))


@pytest.fixture
def flow(server: httpx.AsyncClient) -> Flow:
    return Flow(server)


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def hidden(page: httpx.Response) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))


def answered(response: httpx.Response) -> dict[str, str]:
    """What the app is told at its redirect URI."""
    assert response.status_code == 303, response.text
    location = response.headers["location"]
    assert location.startswith(CALLBACK), location
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


@pytest.fixture
def told() -> Any:
    return answered
