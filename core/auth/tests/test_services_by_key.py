"""Services prove themselves by a key; where an installation has given secrets, by those."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from bedside.auth.app import application
from bedside.auth.authority import Authority
from bedside.auth.demo import ensure_services
from bedside.identity import LoginRefused, ServiceKey, ServiceLogin
from bedside.identity.service_key import public_keys_of_service

ISSUER = "http://127.0.0.1:8003"
PATIENTS = "http://127.0.0.1:8001"


def knowing(authority: Authority, **keys: dict[str, Any]) -> httpx.AsyncClient:
    """auth after a start with these public keys; all other services have secrets."""
    installation = replace(authority.installation, service_keys=keys)
    ensure_services(replace(authority, installation=installation))
    return httpx.AsyncClient(transport=httpx.ASGITransport(application(authority)))


def login(http: httpx.AsyncClient, name: str, proof: ServiceKey | str) -> ServiceLogin:
    return ServiceLogin(f"{ISSUER}/token", name, proof, issuer=ISSUER, http=http)


async def test_a_service_signs_in_by_its_key_as_often_as_it_needs_to(authority: Authority) -> None:
    key = ServiceKey.generated()
    async with knowing(authority, gateway=key.public) as http:
        gateway = login(http, "gateway", key)
        tokens = [await gateway.token(audience) for audience in (PATIENTS, "http://127.0.0.1:8002")]
    assert len(set(tokens)) == 2


async def test_attack_45_the_secret_of_a_service_is_worth_nothing_once_it_has_a_key(authority: Authority) -> None:
    key = ServiceKey.generated()
    async with knowing(authority, gateway=key.public) as http:
        with pytest.raises(LoginRefused, match="invalid_client"):
            await login(http, "gateway", "gateway-secret").token(PATIENTS)
        assert await login(http, "gateway", key).token(PATIENTS)
        # Its neighbours go on as they were installed.
        assert await login(http, "patients", "patients-secret").token(PATIENTS)


async def test_the_key_of_one_service_is_no_proof_of_another(authority: Authority) -> None:
    gateway, patients = ServiceKey.generated(), ServiceKey.generated()
    async with knowing(authority, gateway=gateway.public, patients=patients.public) as http:
        with pytest.raises(LoginRefused, match="invalid_client"):
            await login(http, "gateway", patients).token(PATIENTS)
        assert await login(http, "patients", patients).token(PATIENTS)


async def test_a_services_assertion_names_the_issuer_not_an_endpoint(authority: Authority) -> None:
    key = ServiceKey.generated()
    async with knowing(authority, gateway=key.public) as http:
        form = {"grant_type": "client_credentials", "scope": "system/*.rs"}
        at_token = await http.post(f"{ISSUER}/token", data=form | key.proving("gateway", issuer=f"{ISSUER}/token"))
        at_issuer = await http.post(f"{ISSUER}/token", data=form | key.proving("gateway", issuer=ISSUER))
    assert (at_token.status_code, at_token.json()["error"]) == (401, "invalid_client")
    assert at_issuer.status_code == 200


async def test_one_key_replaces_another_without_a_pause(authority: Authority) -> None:
    old, new = ServiceKey.generated(), ServiceKey.generated()
    both = public_keys_of_service(f"{old.public_line} {new.public_line}")
    async with knowing(authority, gateway=both) as http:
        for key in (old, new):
            assert await login(http, "gateway", key).token(PATIENTS)
    async with knowing(authority, gateway=new.public) as http:
        with pytest.raises(LoginRefused, match="invalid_client"):
            await login(http, "gateway", old).token(PATIENTS)
        assert await login(http, "gateway", new).token(PATIENTS)
