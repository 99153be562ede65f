"""References have a form that FHIR knows, and point to what their element may point to."""

from typing import Any

import pytest

from bedside.fhir.validation import validate


def observation(subject: dict[str, Any], **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": subject, **elements}


ACCEPTED = [
    {"reference": "Patient/1"},
    {"reference": "Patient/1/_history/2"},
    {"reference": "http://a.org/fhir/Patient/1"},
    {"reference": "https://a.org/fhir/Patient/1/_history/2"},
    {"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},
    {"reference": "urn:oid:1.2.3"},
    {"reference": "Patient?identifier=http://a|1"},
    {"reference": "http://a.org/registry?id=1"},
    {"reference": "Group/1"},
    {"display": "a patient"},
    {"type": "Patient", "identifier": {"value": "1"}},
    {"type": "http://a.org/StructureDefinition/Animal", "display": "x"},
]


@pytest.mark.parametrize("subject", ACCEPTED, ids=str)
def test_a_reference_to_an_allowed_type_is_accepted(subject: dict[str, Any]) -> None:
    assert validate(observation(subject)) == []


REFUSED: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"reference": "Practitioner/1"}, [("Observation.subject.reference", "value")]),
    ({"reference": "http://a.org/Practitioner/1"}, [("Observation.subject.reference", "value")]),
    ({"reference": "Practitioner?identifier=1"}, [("Observation.subject.reference", "value")]),
    ({"reference": "Pacient/1"}, [("Observation.subject.reference", "value")]),
    ({"reference": "patient/1"}, [("Observation.subject.reference", "value")]),
    ({"reference": "Patient"}, [("Observation.subject.reference", "value")]),
    ({"reference": "Patient/"}, [("Observation.subject.reference", "value")]),
    ({"reference": "Patient/a_b"}, [("Observation.subject.reference", "value")]),
    ({"reference": "Patient/1/2"}, [("Observation.subject.reference", "value")]),
    ({"reference": "Patient/" + "x" * 65}, [("Observation.subject.reference", "value")]),
    ({"reference": "/Patient/1"}, [("Observation.subject.reference", "value")]),
    ({"reference": "John Smith"}, [("Observation.subject.reference", "value")]),
    ({"reference": "#nobody"}, [("Observation.subject.reference", "invariant")]),
    ({"reference": 1}, [("Observation.subject.reference", "value")]),
    ({"reference": ""}, [("Observation.subject.reference", "structure")]),
    ({"type": "Practitioner", "display": "x"}, [("Observation.subject.type", "value")]),
    ({}, [("Observation.subject", "structure")]),
]


@pytest.mark.parametrize(("subject", "expected"), REFUSED, ids=str)
def test_another_reference_is_refused(subject: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert [(issue.at, issue.code) for issue in validate(observation(subject))] == expected


def test_a_contained_resource_of_a_wrong_type_is_refused() -> None:
    resource = observation({"reference": "#o"}, contained=[{"resourceType": "Organization", "id": "o", "name": "O"}])
    assert [issue.at for issue in validate(resource)] == ["Observation.subject.reference"]


def test_a_reference_to_any_type_may_point_anywhere() -> None:
    assert validate(observation({"reference": "Patient/1"}, focus=[{"reference": "Basic/1"}])) == []


def test_a_contained_resource_of_one_entry_is_not_seen_from_another() -> None:
    holder = observation({"reference": "#p"}, contained=[{"resourceType": "Patient", "id": "p"}])
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": holder}, {"resource": observation({"reference": "#p"})}],
    }
    assert [issue.at for issue in validate(bundle)] == ["Bundle.entry[1].resource.subject.reference"]
