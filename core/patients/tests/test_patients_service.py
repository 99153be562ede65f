"""The declaration of the patients service."""

from bedside.fhir.definitions import definitions
from bedside.fhir.store.telling import named_elsewhere
from bedside.patients.service import service


def test_every_owned_type_is_one_of_r4() -> None:
    assert service.types <= set(definitions().resource_types)


def test_others_name_these_so_their_existence_is_told() -> None:
    told = {"Patient", "Practitioner", "PractitionerRole", "Organization", "Location", "RelatedPerson", "Coverage"}
    assert told <= named_elsewhere(service)
