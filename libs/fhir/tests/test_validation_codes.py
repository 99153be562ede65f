"""Codes of required bindings come from their value sets."""

from typing import Any

import pytest

from bedside.fhir.validation import validate

CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"


def condition(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "subject": {"reference": "Patient/1"}, **elements}


def status(*codings: dict[str, Any], **elements: Any) -> dict[str, Any]:
    coding = {"coding": list(codings)} if codings else {}
    return condition(clinicalStatus={**coding, **elements})


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "gender": ({"resourceType": "Patient", "gender": "banana"}, "Patient.gender"),
    "case matters": ({"resourceType": "Patient", "gender": "Male"}, "Patient.gender"),
    "nested code": ({"resourceType": "Patient", "name": [{"use": "foo"}]}, "Patient.name[0].use"),
    "observation status": (
        {"resourceType": "Observation", "status": "done", "code": {"text": "x"}},
        "Observation.status",
    ),
    "a status of R5": (
        {"resourceType": "Encounter", "status": "in-process", "class": {"code": "AMB"}},
        "Encounter.status",
    ),
    "concept with another code": (status({"system": CLINICAL, "code": "done"}), "Condition.clinicalStatus"),
    "concept with another system": (status({"system": "http://a", "code": "active"}), "Condition.clinicalStatus"),
    "concept without system": (status({"code": "active"}), "Condition.clinicalStatus"),
    "concept of text alone": (status(text="active"), "Condition.clinicalStatus"),
    "currency": (
        {
            "resourceType": "Invoice",
            "status": "draft",
            "totalNet": {"value": 1, "currency": "XYZ"},
        },
        "Invoice.totalNet.currency",
    ),
    "MIME type": ({"resourceType": "Binary", "contentType": "pdf"}, "Binary.contentType"),
}


@pytest.mark.parametrize(("resource", "at"), REFUSED.values(), ids=REFUSED.keys())
def test_another_code_is_refused(resource: dict[str, Any], at: str) -> None:
    assert [(issue.at, issue.code) for issue in validate(resource)] == [(at, "code-invalid")]


ACCEPTED: dict[str, dict[str, Any]] = {
    "gender": {"resourceType": "Patient", "gender": "other"},
    "concept": status({"system": CLINICAL, "code": "active"}),
    "concept with a local code first": status(
        {"system": "http://a", "code": "on"}, {"system": CLINICAL, "code": "active"}
    ),
    "currency": {"resourceType": "Invoice", "status": "draft", "totalNet": {"value": 1, "currency": "EUR"}},
    "a type of attachment": {
        "resourceType": "Patient",
        "photo": [{"contentType": "image/svg+xml", "url": "http://a"}],
    },
    "concept with a reason for its absence": status(
        extension=[{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    ),
}


@pytest.mark.parametrize("resource", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_listed_code_is_accepted(resource: dict[str, Any]) -> None:
    assert validate(resource) == []


def test_a_short_value_set_is_told() -> None:
    [issue] = validate({"resourceType": "Patient", "gender": "banana"})
    assert issue.text == "must be one of female, male, other, unknown"


def test_a_long_value_set_is_named() -> None:
    [issue] = validate({"resourceType": "Patient", "link": [{"other": {"reference": "Patient/2"}, "type": "x"}]})
    assert issue.text == "must be one of refer, replaced-by, replaces, seealso"
    [issue] = validate({"resourceType": "Task", "status": "x", "intent": "order", "for": {"display": "x"}})
    assert issue.text.startswith("must be one of accepted, cancelled")
