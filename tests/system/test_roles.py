"""What a person's role lets them reach at the FHIR base, whatever their app asked for."""

import pytest

from tests.platform import Platform
from tests.system.access import Access

MATRIX = {
    ("physician", "Patient/p2"): 200,
    ("physician", "Condition?patient=p1"): 200,
    ("nurse", "Observation?patient=p1"): 200,
    ("frontdesk", "Patient/p1"): 200,
    ("frontdesk", "Appointment?patient=p1"): 200,
    ("frontdesk", "Observation?patient=p1"): 403,
    ("frontdesk", "Condition/c1"): 403,
    ("billing", "MedicationRequest?patient=p1"): 403,
    ("admin", "Patient/p1"): 403,
    ("patient", "Patient/p1"): 200,
    ("patient", "Patient/p2"): 404,
    ("patient", "Condition/d1"): 404,
}


@pytest.mark.parametrize(("username", "path"), MATRIX)
def test_the_role_decides(platform: Platform, username: str, path: str) -> None:
    access = Access(platform.demo)
    with access.fhir(access.user_token(username)) as fhir:
        answer = fhir.get(path)

    assert answer.status_code == MATRIX[username, path], answer.text[:300]


def test_a_patient_finds_only_what_is_their_own(platform: Platform) -> None:
    access = Access(platform.demo)
    with access.fhir(access.user_token("patient")) as fhir:
        people = fhir.get("Patient", params={"_total": "accurate"}).json()
        problems = fhir.get("Condition", params={"_count": "200"}).json()

    assert people["total"] == 1
    assert [entry["resource"]["id"] for entry in people["entry"]] == ["p1"]
    assert {entry["resource"]["subject"]["reference"] for entry in problems["entry"]} == {"Patient/p1"}


def test_an_owner_refuses_a_token_that_is_for_the_base(platform: Platform) -> None:
    access = Access(platform.demo)
    demo = {**platform.demo, "fhir": f"{platform.demo['patients']}/fhir"}
    with Access(demo).fhir(access.client_token()) as owner:
        assert owner.get("Patient/p1").status_code == 401
    with Access(demo).fhir(access.client_token(resource=platform.demo["patients"])) as owner:
        assert owner.get("Patient/p1").status_code == 200
