"""What becomes of accounts when the records they are linked to change: by facts that patients tells, on their real way.

The accounts are made by SCIM, as a hospital's own directory makes them.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from bedside.auth.authority import Authority
from bedside.auth.directory import Actor, administering, find_user, grant_proxy
from bedside.auth.installation import Installation
from bedside.service import Settings
from tests.platform import Platform
from tests.system.access import Access

WITHIN_S = 30.0
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
OURS = "urn:bedside:scim:User"


@pytest.fixture(params=["embedded", pytest.param("servers", marks=pytest.mark.servers)])
def installation(request: pytest.FixtureRequest) -> Platform:
    names = {"embedded": "platform", "servers": "platform_on_servers"}
    platform: Platform = request.getfixturevalue(names[request.param])
    return platform


@pytest.fixture
def access(installation: Platform) -> Access:
    return Access(installation.demo)


@pytest.fixture
def fhir(access: Access) -> Iterator[httpx.Client]:
    with access.fhir(access.client_token()) as client:
        yield client


@pytest.fixture
def scim(access: Access) -> Iterator[httpx.Client]:
    token = access.user_token("admin", scope="openid users.manage")
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{access.demo['auth']}/scim/v2/", headers=headers, timeout=20) as client:
        yield client


def put(fhir: httpx.Client, resource: dict[str, Any]) -> None:
    fhir.put(f"{resource['resourceType']}/{resource['id']}", json=resource).raise_for_status()


def account(scim: httpx.Client, role: str, fhir_user: str) -> str:
    content = {
        "schemas": [USER, OURS],
        "userName": f"{role}-{secrets.token_hex(4)}",
        "roles": [{"value": role}],
        OURS: {"fhirUser": fhir_user},
    }
    answer = scim.post("Users", json=content)
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["id"]
    return made


def shown(scim: httpx.Client, user_id: str) -> dict[str, Any]:
    answer = scim.get(f"Users/{user_id}")
    answer.raise_for_status()
    user: dict[str, Any] = answer.json()
    return user


def soon(value: Callable[[], Any], expected: Any) -> None:
    """Waits until it is so; says what it was when it does not become so in time."""
    deadline = time.monotonic() + WITHIN_S
    while (found := value()) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == expected


def test_who_signs_in_as_a_merged_patient_is_the_survivor_and_as_before_when_it_is_undone(
    fhir: httpx.Client, scim: httpx.Client
) -> None:
    mark = secrets.token_hex(4)
    for name in ("retired", "survivor"):
        put(fhir, {"resourceType": "Patient", "id": f"{name}-{mark}"})
    user = account(scim, "patient", f"Patient/retired-{mark}")
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": f"{which}-patient", "valueReference": {"reference": f"Patient/{name}-{mark}"}}
            for which, name in (("source", "retired"), ("target", "survivor"))
        ],
    }
    fhir.post("Patient/$merge", json=parameters).raise_for_status()
    soon(lambda: shown(scim, user)[OURS]["fhirUser"], f"Patient/survivor-{mark}")
    fhir.post("Patient/$unmerge", json=parameters).raise_for_status()
    soon(lambda: shown(scim, user)[OURS]["fhirUser"], f"Patient/retired-{mark}")


def test_who_practises_no_longer_is_deactivated_and_not_by_itself_reactivated(
    fhir: httpx.Client, scim: httpx.Client
) -> None:
    practitioner = {"resourceType": "Practitioner", "id": f"leaving-{secrets.token_hex(4)}"}
    put(fhir, practitioner)
    user = account(scim, "nurse", f"Practitioner/{practitioner['id']}")
    put(fhir, practitioner | {"active": False})
    soon(lambda: shown(scim, user)["active"], False)
    put(fhir, practitioner | {"active": True})
    other = {"resourceType": "Practitioner", "id": f"other-{secrets.token_hex(4)}"}
    put(fhir, other)
    second = account(scim, "nurse", f"Practitioner/{other['id']}")
    put(fhir, other | {"active": False})
    # Told after it, so the reactivation was heard by now, if facts of two records came in their order.
    soon(lambda: shown(scim, second)["active"], False)
    assert shown(scim, user)["active"] is False


def test_a_proxy_ends_when_its_consent_is_withdrawn(
    installation: Platform, fhir: httpx.Client, scim: httpx.Client
) -> None:
    mark = secrets.token_hex(4)
    put(fhir, {"resourceType": "Patient", "id": f"mother-{mark}"})
    consent = {
        "resourceType": "Consent",
        "id": f"consent-{mark}",
        "status": "active",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"text": "acting for a patient"}],
        "patient": {"reference": f"Patient/mother-{mark}"},
        "policyRule": {"text": "hospital policy"},
    }
    put(fhir, consent)
    user = account(scim, "proxy", f"RelatedPerson/daughter-{mark}")
    _act_for(installation, user, f"mother-{mark}", consent=consent["id"])
    assert [proxy["value"] for proxy in shown(scim, user)[OURS]["proxyFor"]] == [f"mother-{mark}"]
    put(fhir, consent | {"status": "inactive"})
    soon(lambda: shown(scim, user)[OURS].get("proxyFor"), None)


def _act_for(installation: Platform, user_id: str, patient: str, *, consent: str) -> None:
    """As an operator does at the database."""
    port = httpx.URL(installation.demo["gateway"]).port
    assert port is not None
    settings = Settings(
        port=port,
        data_dir=Path(installation.data_dir),
        demo=True,
        database_server=installation.settings.get("BEDSIDE_DATABASE_URL"),
    )
    operator = Actor.operator()
    with (
        closing(Authority.opened(Installation.of(settings))) as authority,
        administering(authority, operator) as session,
    ):
        user = find_user(session, user_id)
        assert user is not None
        grant_proxy(authority, session, operator, user, patient, consent=consent)
