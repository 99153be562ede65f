"""fhirpy: an integrator's script that registers, finds, changes and removes."""

import secrets
from collections.abc import Iterator

import fhirpy
import pytest
from fhirpy.base.exceptions import MultipleResourcesFound, ResourceNotFound
from fhirpy.base.exceptions import OperationOutcome as Refusal

from tests.platform import Platform
from tests.system.access import Access

pytestmark = pytest.mark.slow

SYSTEM = "http://example.org/fhirpy"


@pytest.fixture
def client(platform: Platform) -> fhirpy.SyncFHIRClient:
    access = Access(platform.demo)
    return fhirpy.SyncFHIRClient(platform.demo["fhir"], authorization=f"Bearer {access.client_token()}")


@pytest.fixture
def value() -> str:
    """An identifier's value that no other test uses."""
    return secrets.token_hex(8)


@pytest.fixture
def ward(client: fhirpy.SyncFHIRClient, value: str) -> Iterator[list[fhirpy.base.resource.BaseResource]]:
    """Three patients of one family name, and an observation of the first."""
    family = f"Fhirpy{value}"
    patients = [
        client.resource(
            "Patient",
            identifier=[{"system": SYSTEM, "value": f"{value}-{number}"}],
            name=[{"family": family, "given": [f"Number{number}"]}],
            birthDate=f"198{number}-01-0{number + 1}",
        )
        for number in range(3)
    ]
    for patient in patients:
        patient.save()
    observation = client.resource(
        "Observation",
        status="final",
        code={"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        subject=patients[0].to_reference(),
        valueQuantity={"value": 72, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
    )
    observation.save()
    yield [*patients, observation]
    observation.delete()
    for patient in patients:
        patient.delete()


def test_what_was_saved_is_read_changed_and_deleted(client: fhirpy.SyncFHIRClient, value: str) -> None:
    patient = client.resource("Patient", identifier=[{"system": SYSTEM, "value": value}], name=[{"family": "Before"}])
    patient.save()
    patient["name"][0]["family"] = "After"
    patient.save()

    read = client.reference("Patient", patient.id).to_resource()
    assert read.get_by_path("name.0.family") == "After"
    assert read["meta"]["versionId"] == "2"
    patient.delete()
    with pytest.raises(ResourceNotFound):
        client.get("Patient", patient.id)


def test_a_search_is_counted_sorted_limited_and_paged(client: fhirpy.SyncFHIRClient, ward: list, value: str) -> None:
    found = client.resources("Patient").search(family=f"Fhirpy{value}").sort("-birthdate")

    assert [patient.id for patient in found.limit(1).fetch()] == [ward[2].id]
    assert [patient.id for patient in found.limit(1).fetch_all()] == [ward[2].id, ward[1].id, ward[0].id]
    assert found.search(birthdate__lt="1981").first().id == ward[0].id


def test_what_the_client_adds_of_its_own_is_passed_over_when_it_says_so(
    client: fhirpy.SyncFHIRClient, ward: list, value: str
) -> None:
    # To count, fhirpy sends a parameter that only another server knows.
    client.extra_headers = {"Prefer": "handling=lenient"}

    assert client.resources("Patient").search(family=f"Fhirpy{value}").count() == 3


def test_chains_and_reverse_chains_cross_the_services(client: fhirpy.SyncFHIRClient, ward: list, value: str) -> None:
    chained = client.resources("Observation").search(patient__Patient__family=f"Fhirpy{value}")
    reverse = client.resources("Patient").has("Observation", "patient", code="8867-4").search(family=f"Fhirpy{value}")

    assert [observation.id for observation in chained.fetch()] == [ward[3].id]
    assert [patient.id for patient in reverse.fetch()] == [ward[0].id]


def test_what_is_referred_to_comes_along(client: fhirpy.SyncFHIRClient, ward: list, value: str) -> None:
    bundle = client.resources("Observation").search(_id=ward[3].id).include("Observation", "subject").fetch_raw()
    back = client.resources("Patient").search(_id=ward[0].id).revinclude("Observation", "subject").fetch_raw()

    modes = {entry.resource["resourceType"]: entry.search.mode for entry in bundle.entry}
    assert modes == {"Observation": "match", "Patient": "include"}
    assert {entry.resource["id"] for entry in back.entry} == {ward[0].id, ward[3].id}


def test_elements_that_were_not_asked_for_are_left_out(client: fhirpy.SyncFHIRClient, ward: list, value: str) -> None:
    patient = client.resources("Patient").search(family=f"Fhirpy{value}").elements("birthDate").fetch_raw()

    assert all("birthDate" in entry.resource and "name" not in entry.resource for entry in patient.entry)


def test_get_or_create_and_conditional_update_make_one_resource(client: fhirpy.SyncFHIRClient, value: str) -> None:
    wanted = client.resources("Patient").search(identifier=f"{SYSTEM}|{value}")

    def body(family: str) -> fhirpy.base.resource.BaseResource:
        return client.resource("Patient", identifier=[{"system": SYSTEM, "value": value}], name=[{"family": family}])

    first, made = wanted.get_or_create(body("One"))
    second, made_again = wanted.get_or_create(body("Two"))
    changed, made_by_update = wanted.update(body("Three"))

    assert (made, made_again, made_by_update) == (True, False, False)
    assert first.id == second.id == changed.id
    assert client.get("Patient", first.id)["name"][0]["family"] == "Three"
    wanted.delete()
    assert wanted.first() is None


def test_fields_are_patched_alone(client: fhirpy.SyncFHIRClient, value: str) -> None:
    patient = client.resource("Patient", identifier=[{"system": SYSTEM, "value": value}], gender="female")
    patient.save()
    patient["active"] = True
    patient["gender"] = "male"
    patient.save(fields=["active"])
    patched = client.patch("Patient", patient.id, birthDate="1970")

    assert patched["active"] is True
    assert patched["gender"] == "female"
    assert patched["birthDate"] == "1970"
    patient.delete()


def test_refusals_are_told_in_the_clients_own_exceptions(client: fhirpy.SyncFHIRClient, ward: list, value: str) -> None:
    with pytest.raises(Refusal) as refused:
        client.resource("Patient", gender="banana").save()
    with pytest.raises(Refusal):
        client.resources("Patient").search(nmae="x").fetch()
    with pytest.raises(MultipleResourcesFound):
        client.resources("Patient").search(family=f"Fhirpy{value}").delete()

    assert refused.value.resource["issue"][0]["expression"] == ["Patient.gender"]


def test_everything_about_a_patient_is_one_call(client: fhirpy.SyncFHIRClient, ward: list) -> None:
    bundle = client.reference("Patient", ward[0].id).execute("$everything", method="get")

    assert {entry["resource"]["id"] for entry in bundle["entry"]} >= {ward[0].id, ward[3].id}


async def test_the_asynchronous_client_does_the_same(platform: Platform, ward: list, value: str) -> None:
    token = Access(platform.demo).client_token()
    client = fhirpy.AsyncFHIRClient(platform.demo["fhir"], authorization=f"Bearer {token}")

    found = [patient async for patient in client.resources("Patient").search(family=f"Fhirpy{value}").limit(2)]

    assert {patient.id for patient in found} == {patient.id for patient in ward[:3]}
