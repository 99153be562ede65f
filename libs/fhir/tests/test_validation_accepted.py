"""What R4 allows is accepted, however odd it looks."""

from decimal import Decimal
from typing import Any

import pytest

from bedside.fhir.validation import validate

ABSENT = [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]

ACCEPTED: dict[str, dict[str, Any]] = {
    "a patient of whom nothing is known": {"resourceType": "Patient"},
    "a birth year": {"resourceType": "Patient", "birthDate": "1980"},
    "a birth month": {"resourceType": "Patient", "birthDate": "1980-02"},
    "a reason instead of a birth date": {"resourceType": "Patient", "_birthDate": {"extension": ABSENT}},
    "a birth time beside a birth date": {
        "resourceType": "Patient",
        "birthDate": "1980-02-28",
        "_birthDate": {
            "extension": [
                {
                    "url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
                    "valueDateTime": "1980-02-28T10:00:00Z",
                }
            ]
        },
    },
    "a reason instead of a required status": {
        "resourceType": "Observation",
        "_status": {"extension": ABSENT},
        "code": {"text": "x"},
    },
    "a reason instead of a required choice": {
        "resourceType": "MedicationAdministration",
        "status": "completed",
        "medicationCodeableConcept": {"text": "x"},
        "subject": {"reference": "Patient/1"},
        "_effectiveDateTime": {"extension": ABSENT},
    },
    "a reason instead of one of several given names": {
        "resourceType": "Patient",
        "name": [{"given": ["A", None], "_given": [None, {"extension": ABSENT}]}],
    },
    "an id of one of several given names": {
        "resourceType": "Patient",
        "name": [{"given": ["A", "B"], "_given": [{"id": "x"}, None]}],
    },
    "reasons instead of all given names": {
        "resourceType": "Patient",
        "name": [{"_given": [{"extension": ABSENT}, {"extension": ABSENT}]}],
    },
    "an extension of a choice's value beside that value": {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "valueString": "x",
        "_valueString": {"id": "a"},
    },
    "an element's id": {"resourceType": "Patient", "name": [{"id": "n1", "family": "A"}]},
    "extensions within an extension": {
        "resourceType": "Patient",
        "extension": [{"url": "http://a", "extension": [{"url": "b", "valueString": "c"}]}],
    },
    "an extension of a reference": {
        "resourceType": "Patient",
        "generalPractitioner": [{"extension": ABSENT}],
    },
    "a contained organization": {
        "resourceType": "Patient",
        "contained": [{"resourceType": "Organization", "id": "o", "name": "O"}],
        "managingOrganization": {"reference": "#o"},
    },
    "a contained resource that refers to its holder": {
        "resourceType": "Patient",
        "contained": [
            {
                "resourceType": "Provenance",
                "target": [{"reference": "#"}],
                "recorded": "2020-01-01T00:00:00Z",
                "agent": [{"who": {"display": "x"}}],
            }
        ],
    },
    "a contained resource that another contained one refers to": {
        "resourceType": "Condition",
        "subject": {"reference": "Patient/1"},
        "contained": [
            {"resourceType": "PractitionerRole", "id": "r", "organization": {"reference": "#o"}},
            {"resourceType": "Organization", "id": "o", "name": "O"},
        ],
        "recorder": {"reference": "#r"},
    },
    "exact decimals": {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "valueQuantity": {"value": Decimal("105.00"), "unit": "kg"},
    },
    "a bundle in a bundle": {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": {"resourceType": "Bundle", "type": "collection"}}],
    },
    "parameters": {
        "resourceType": "Parameters",
        "parameter": [{"name": "a", "valueString": "b"}, {"name": "c", "resource": {"resourceType": "Patient"}}],
    },
    "a binary": {"resourceType": "Binary", "contentType": "application/pdf", "data": "QUJD"},
    "a MIME type with parameters": {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "url": "http://a"}}],
    },
    "text in any script": {"resourceType": "Patient", "name": [{"family": "\u05db\u05d4\u05df", "given": ["\u6e05"]}]},
}


@pytest.mark.parametrize("resource", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_it_has_no_issue(resource: dict[str, Any]) -> None:
    assert validate(resource) == []
