"""The JavaScript clients tell their stories to the running platform; each story that fails is a failed test."""

from typing import Any

import pytest

from tests.platform import Platform
from tests.system.access import Access

pytestmark = pytest.mark.servers

CALLBACK = "http://127.0.0.1:8499/callback"


@pytest.mark.parametrize("client", ["fhir_kit_client", "medplum"])
def test_a_javascript_client_completes_its_own_job(platform: Platform, installed: Any, client: str) -> None:
    token = Access(platform.demo).client_token()
    told = installed.told(client, FHIR_BASE=platform.demo["fhir"], FHIR_TOKEN=token)

    assert len(told) >= 10
    assert told == dict.fromkeys(told)


def test_openid_client_registers_signs_in_refreshes_and_signs_out(
    platform: Platform, installed: Any, registration_token: str
) -> None:
    told = installed.told("openid_client", **_person(platform), REGISTRATION_TOKEN=registration_token)

    assert len(told) == 14
    assert told == dict.fromkeys(told)


def test_oauth4webapi_signs_in_and_checks_tokens_as_a_service_does(
    platform: Platform, installed: Any, registers: Any
) -> None:
    client_id = registers(CALLBACK, scope="openid fhirUser launch/patient online_access patient/*.rs")
    told = installed.told("oauth4webapi", **_person(platform), CLIENT_ID=client_id)

    assert len(told) == 8
    assert told == dict.fromkeys(told)


def _person(platform: Platform) -> dict[str, str]:
    password = next(each["password"] for each in platform.demo["users"] if each["username"] == "physician")
    return {
        "ISSUER": platform.demo["auth"],
        "FHIR_BASE": platform.demo["fhir"],
        "REDIRECT_URI": CALLBACK,
        "PERSON": "physician",
        "PASSWORD": password,
    }
