"""One FHIR base over two running services: chains, searches of everything, histories and deletions across them."""

import uuid
from typing import Any

import httpx
import pytest

from tests.system.access import Access


@pytest.fixture(params=["embedded", pytest.param("servers", marks=pytest.mark.servers)])
def fhir(request: pytest.FixtureRequest) -> httpx.Client:
    platform = request.getfixturevalue({"embedded": "platform", "servers": "platform_on_servers"}[request.param])
    access = Access(platform.demo)
    return access.fhir(access.client_token())


def named(bundle: dict[str, Any]) -> list[str]:
    return [each["fullUrl"].partition("/fhir/")[2] for each in bundle.get("entry", [])]


def test_what_two_services_hold_is_found_told_and_deleted_as_one(fhir: httpx.Client) -> None:
    word = f"Fed{uuid.uuid4().hex[:12]}"
    subject = {"reference": "urn:uuid:6f6f6f6f-0000-4000-8000-000000000001"}
    kind = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": "http://hospital.example.org/mrn", "value": word}],
        "name": [{"family": word}],
    }
    encounter = {"resourceType": "Encounter", "status": "finished", "class": kind, "subject": subject}
    entries = [
        {"fullUrl": subject["reference"], "resource": patient, "request": {"method": "POST", "url": "Patient"}},
        {"resource": encounter, "request": {"method": "POST", "url": "Encounter"}},
    ]
    made = fhir.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert made.status_code == 200, made.text
    locations = [each["response"]["location"].partition("/fhir/")[2] for each in made.json()["entry"]]
    who, what = (location.partition("/_history")[0] for location in locations)

    assert named(fhir.get(f"Encounter?subject:Patient.name={word}").json()) == [what]
    assert named(fhir.get(f"Patient?_has:Encounter:subject:status=finished&name={word}").json()) == [who]
    assert sorted(named(fhir.get(f"?_type=Patient,Encounter&_id={who[8:]},{what[10:]}").json())) == [what, who]
    assert what in named(fhir.get(f"{who}/*").json())
    assert {who, what} <= set(named(fhir.get("_history?_count=100").json()))

    refused = fhir.delete(who)
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (409, "conflict")
    assert fhir.delete(f"{who}?_cascade=delete").status_code == 204
    assert [fhir.get(name).status_code for name in (who, what)] == [410, 410]
