"""What an integrator gets wrong at the FHIR base: the right status, an outcome that names the place, and no trace."""

import json
from typing import Any

import httpx
import pytest

from tests.platform import Platform
from tests.system.access import Access

FHIR = {"Content-Type": "application/fhir+json"}
DEEP = b'{"resourceType":"Patient","extension":' + b'[{"extension":' * 1000 + b"[]" + b"}]" * 1000 + b"}"


def patient(**elements: Any) -> bytes:
    return json.dumps({"resourceType": "Patient", **elements}).encode()


def transaction(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode()


def post(resource: dict[str, Any]) -> dict[str, Any]:
    return {
        "fullUrl": "urn:uuid:0dd5c1a4-6a0c-4d0a-9f7e-5f1f6b1c0001",
        "resource": resource,
        "request": {"method": "POST", "url": resource["resourceType"]},
    }


OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"text": "x"},
    "subject": {"reference": "Patient/does-not-exist"},
}

CASES = {
    "malformed JSON": ("POST", "Patient", b'{"resourceType": "Patient",', 400, None),
    "a name given twice": (
        "POST",
        "Patient",
        b'{"resourceType":"Patient","gender":"male","gender":"female"}',
        400,
        None,
    ),
    "a thousand levels": ("POST", "Patient", DEEP, 400, None),
    "an unknown element": ("POST", "Patient", patient(shoeSize=43), 400, "Patient.shoeSize"),
    "a wrong type": ("POST", "Patient", patient(active="true"), 400, "Patient.active"),
    "a bad code": ("POST", "Patient", patient(gender="banana"), 400, "Patient.gender"),
    "a bad date": ("POST", "Patient", patient(birthDate="1980-02-30"), 400, "Patient.birthDate"),
    "a missing element": (
        "POST",
        "Observation",
        b'{"resourceType":"Observation","status":"final"}',
        400,
        "Observation.code",
    ),
    "another type than the URL's": ("POST", "Patient", b'{"resourceType":"Group"}', 400, None),
    "an unknown type": ("GET", "Pateint", b"", 404, None),
    "a reference to nothing": ("POST", "Observation", json.dumps(OBSERVATION).encode(), 422, "Observation.subject"),
    "an entry of an unknown type": (
        "POST",
        "",
        transaction(post({"resourceType": "Starship"})),
        400,
        "Bundle.entry[0]",
    ),
    "an entry referring to nothing": ("POST", "", transaction(post(OBSERVATION)), 422, "Bundle.entry[0].resource"),
    "an unknown search parameter": ("GET", "Patient?nmae=x", b"", 400, None),
    "a malformed search value": ("GET", "Patient?birthdate=yesterday", b"", 400, None),
    "a page token of somebody else": ("GET", "Patient?_page=abc", b"", 400, None),
    "an id that cannot be": ("GET", "Patient/a_b", b"", 404, None),
    "a media type that is not FHIR": ("POST", "Patient", b"<Patient/>", 415, None),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused_by_name(platform: Platform, name: str) -> None:
    method, path, body, status, place = CASES[name]
    access = Access(platform.demo)
    headers = {"Content-Type": "application/xml"} if body.startswith(b"<") else FHIR
    with access.fhir(access.client_token()) as fhir:
        refused = fhir.request(method, path, content=body, headers=headers)

    assert refused.status_code == status, refused.text[:500]
    outcome = refused.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert all(issue.get("diagnostics") or issue.get("details") for issue in outcome["issue"])
    if place:
        places = [place_ for issue in outcome["issue"] for place_ in issue.get("expression", [])]
        assert any(place_.startswith(place) for place_ in places), outcome


def test_all_problems_are_told_at_once(platform: Platform) -> None:
    access = Access(platform.demo)
    with access.fhir(access.client_token()) as fhir:
        refused = fhir.post("Patient", content=patient(gender="banana", birthDate="x", shoeSize=1), headers=FHIR)

    places = {place for issue in refused.json()["issue"] for place in issue.get("expression", [])}
    assert places == {"Patient.gender", "Patient.birthDate", "Patient.shoeSize"}


def test_a_hundred_megabytes_are_refused_while_the_server_lives_on(platform: Platform) -> None:
    access = Access(platform.demo)

    def body() -> Any:
        for _ in range(100):
            yield b" " * 2**20

    with access.fhir(access.client_token()) as fhir:
        try:
            status = fhir.post("Patient", content=body(), headers=FHIR).status_code
        except httpx.WriteError:
            # The server answered and closed while we were still sending: that too is a refusal.
            status = 413
        assert status == 413
        assert fhir.get("Patient/p1").status_code == 200


def test_a_refused_transaction_leaves_nothing_behind(platform: Platform) -> None:
    access = Access(platform.demo)
    born = {
        "resourceType": "Patient",
        "identifier": [{"system": "http://example.org/refused", "value": "left-behind"}],
    }
    orphan = {**post(OBSERVATION), "fullUrl": "urn:uuid:0dd5c1a4-6a0c-4d0a-9f7e-5f1f6b1c0002"}
    with access.fhir(access.client_token()) as fhir:
        refused = fhir.post("", content=transaction(post(born), orphan), headers=FHIR)
        found = fhir.get(
            "Patient", params={"identifier": "http://example.org/refused|left-behind", "_total": "accurate"}
        )

    assert refused.status_code == 422, refused.text
    assert found.json()["total"] == 0


@pytest.mark.parametrize("authorization", [None, "Bearer nonsense", "Bearer a.b.c", "Basic abc"])
def test_without_a_good_token_nothing_is_answered(platform: Platform, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    refused = httpx.get(f"{platform.demo['fhir']}/Patient/p1", headers=headers)

    assert refused.status_code == 401
    assert refused.json()["resourceType"] == "OperationOutcome"
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_missing_scope_is_named(platform: Platform) -> None:
    access = Access(platform.demo)
    with access.fhir(access.client_token(scope="system/Patient.rs")) as fhir:
        refused = fhir.get("Observation?code=x")

    assert refused.status_code == 403
    assert "Observation" in refused.text
