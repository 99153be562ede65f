"""The demo's people and clients."""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

import httpx
import pytest

from bedside.auth.app import application
from bedside.auth.authority import Authority
from bedside.auth.demo import ensure_now
from bedside.auth.installation import Installation
from bedside.events.migrating import migrate
from bedside.identity import ServiceKey

GATEWAY = "http://127.0.0.1:8000"
_KEY = ServiceKey.generated()


@dataclass
class Settings:
    """As much of the settings as auth reads."""

    folder: Path
    issuer: str = "http://127.0.0.1:8003"
    fhir_base: str = f"{GATEWAY}/fhir"
    demo: bool = True
    zone: tzinfo = UTC
    proxies: tuple[()] = ()
    kept: dict[str, str] = field(default_factory=dict)

    def database_url(self, service: str) -> str:
        return f"sqlite:///{self.folder / service}.db"

    def address(self, service: str) -> str:
        return f"http://127.0.0.1:{8000 + ['gateway', 'patients', 'encounters', 'auth'].index(service)}"

    def kept_secret(self, name: str) -> str:
        return self.kept.setdefault(name, secrets.token_urlsafe(32))

    def service_public_keys(self, service: str) -> dict[str, Any]:
        return _KEY.public


@pytest.fixture
def settings(tmp_path: Path) -> Any:
    settings = Settings(tmp_path)
    for package in ("bedside.events", "bedside.auth"):
        migrate(settings.database_url("auth"), package)
    return settings


def test_a_restart_keeps_people_passwords_and_ids(settings: Any) -> None:
    assert ensure_now(settings) == ensure_now(settings)


def test_there_is_one_user_for_each_role_and_the_patient_is_p1(settings: Any) -> None:
    users = {user["username"]: user for user in ensure_now(settings)["users"]}
    assert list(users) == [
        "physician",
        "nurse",
        "frontdesk",
        "coordinator",
        "pharmacist",
        "billing",
        "patient",
        "admin",
    ]
    assert users["physician"] | {"password": ""} == {
        "username": "physician",
        "password": "",
        "roles": ["physician"],
        "totp_secret": None,
        "fhirUser": "Practitioner/dr-shah",
    }
    assert users["patient"]["fhirUser"] == "Patient/p1"


def test_the_clients_are_as_the_frame_shows_them(settings: Any) -> None:
    integrator, workbench = ensure_now(settings)["clients"]
    assert integrator | {"client_secret": ""} == {
        "client_id": "integrator",
        "client_secret": "",
        "grant_types": ["client_credentials"],
        "scope": "system/*.cruds",
    }
    assert workbench == {
        "client_id": "workbench",
        "redirect_uris": [f"{GATEWAY}/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
    }


async def test_the_integrator_gets_tokens_for_the_gateway_and_the_owners(settings: Any) -> None:
    secret = ensure_now(settings)["clients"][0]["client_secret"]
    authority = Authority.opened(Installation.of(settings))
    transport = httpx.ASGITransport(application(authority))
    async with httpx.AsyncClient(transport=transport, base_url=settings.issuer) as client:
        for resource in (settings.fhir_base, settings.address("patients"), settings.address("encounters")):
            form = {"grant_type": "client_credentials", "scope": "system/*.cruds", "resource": resource}
            answer = await client.post("/token", data=form, auth=("integrator", secret))
            assert answer.status_code == 200, answer.text
    authority.close()
