"""fhirclient, the SMART team's: an app that signs a person in and reads."""

import pytest
from fhirclient.client import FHIRClient
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRNotFoundException, FHIRPermissionDeniedException

from tests.platform import Platform
from tests.system.access import Access

pytestmark = pytest.mark.slow


@pytest.fixture
def app(platform: Platform) -> FHIRClient:
    """Launched by itself; the physician signs in, in a browser."""
    workbench = next(each for each in platform.demo["clients"] if each["client_id"] == "workbench")
    app = FHIRClient(
        {
            "app_id": "workbench",
            "api_base": platform.demo["fhir"],
            "redirect_uri": workbench["redirect_uris"][0],
            "scope": "openid fhirUser online_access user/*.cruds",
        }
    )
    app.wants_patient = False
    assert not app.prepare()
    app.handle_callback(Access(platform.demo).signed_in("physician", app.authorize_url))
    return app


def test_the_app_finds_its_way_from_the_base_to_a_token(app: FHIRClient) -> None:
    assert app.ready
    assert app.server.capabilityStatement.fhirVersion == "4.0.1"


def test_models_are_read_searched_and_paged(app: FHIRClient) -> None:
    patient = Patient.read("p1", app.server)
    observations = list(Observation.where({"patient": "p1", "_count": "2"}).perform_resources_iter(app.server))

    assert app.human_name(patient.name[0])
    assert len(observations) > 2
    assert {each.subject.reference for each in observations} == {"Patient/p1"}


def test_what_is_referred_to_is_resolved_and_included(app: FHIRClient) -> None:
    bundles = Observation.where({"patient": "p1", "_count": "1"}).include("subject", Patient).perform_iter(app.server)

    observation = next(each.resource for each in next(bundles).entry if isinstance(each.resource, Observation))
    assert observation.subject.resolved(Patient).id == "p1"


def test_models_are_created_and_updated_as_far_as_the_role_goes(app: FHIRClient) -> None:
    pulse = Observation(
        {
            "resourceType": "Observation",
            "status": "preliminary",
            "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
            "subject": {"reference": "Patient/p1"},
            "valueQuantity": {"value": 70, "unit": "/min"},
        }
    )
    made = pulse.create(app.server)
    kept = Observation.read(made["id"], app.server)
    kept.status = "entered-in-error"
    kept.update(app.server)

    assert Observation.read(made["id"], app.server).status == "entered-in-error"
    with pytest.raises(FHIRPermissionDeniedException):
        kept.delete()
    with pytest.raises(FHIRNotFoundException):
        Patient.read("no-such-patient", app.server)


def test_a_sign_in_is_refreshed(app: FHIRClient) -> None:
    before = app.server.auth.access_token
    app.reauthorize()

    assert app.server.auth.access_token != before
    assert Patient.read("p1", app.server).id == "p1"
