"""A resource has the elements that R4 gives its type, as often and in the shape R4 says."""

from typing import Any

import pytest

from bedside.fhir.outcome import Issue
from bedside.fhir.validation import validate


def found(resource: Any) -> list[tuple[str | None, str]]:
    return sorted((issue.at or "", issue.code) for issue in validate(resource))


def patient(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **elements}


def observation(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "weight"}, **elements}


CASES: dict[str, tuple[Any, list[tuple[str, str]]]] = {
    "unknown root element": (patient(shoeSize=43), [("Patient.shoeSize", "structure")]),
    "unknown nested element": (patient(name=[{"first": "A"}]), [("Patient.name[0].first", "structure")]),
    "unknown element of a contained resource": (
        patient(
            contained=[{"resourceType": "Organization", "id": "o", "name": "O", "size": 1}],
            managingOrganization={"reference": "#o"},
        ),
        [("Patient.contained[0].size", "structure")],
    ),
    "a name that is no element name is not repeated": (patient(**{"John Smith 1970": 1}), [("Patient", "structure")]),
    "list for a single element": (patient(birthDate=["1980"]), [("Patient.birthDate", "structure")]),
    "list for a single object": (patient(maritalStatus=[{"text": "x"}]), [("Patient.maritalStatus", "structure")]),
    "single object for a list": (patient(name={"family": "A"}), [("Patient.name", "structure")]),
    "single value for a list": (patient(name=[{"given": "A"}]), [("Patient.name[0].given", "structure")]),
    "value for an object": (patient(maritalStatus="M"), [("Patient.maritalStatus", "structure")]),
    "value for an object in a list": (patient(name=["A"]), [("Patient.name[0]", "structure")]),
    "object for a value": (patient(gender={"code": "male"}), [("Patient.gender", "structure")]),
    "missing required": (
        {"resourceType": "Observation"},
        [("Observation.code", "required"), ("Observation.status", "required")],
    ),
    "missing required, nested": (
        observation(component=[{"code": {"text": "a"}}, {"valueString": "x"}]),
        [("Observation.component[1].code", "required")],
    ),
    "missing required of a backbone": (patient(link=[{"type": "seealso"}]), [("Patient.link[0].other", "required")]),
    "missing required choice": (
        {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "subject": {"reference": "Patient/1"},
        },
        [("MedicationRequest.medication", "required")],
    ),
    "two types of a choice": (observation(valueString="1", valueInteger=1), [("Observation.value", "structure")]),
    "a type the choice does not have": (observation(valueDecimal=1), [("Observation.valueDecimal", "structure")]),
    "empty list": (patient(name=[]), [("Patient.name", "structure")]),
    "empty list of values": (patient(name=[{"given": []}]), [("Patient.name[0].given", "structure")]),
    "empty object": (patient(maritalStatus={}), [("Patient.maritalStatus", "structure")]),
    "empty object in a list": (patient(name=[{}]), [("Patient.name[0]", "structure")]),
    "empty text": (patient(name=[{"family": ""}]), [("Patient.name[0].family", "structure")]),
    "null": (patient(birthDate=None), [("Patient.birthDate", "structure")]),
    "null object": (patient(maritalStatus=None), [("Patient.maritalStatus", "structure")]),
    "null in a list of objects": (patient(name=[None]), [("Patient.name[0]", "structure")]),
    "null in a list of values": (patient(name=[{"given": ["A", None]}]), [("Patient.name[0].given[1]", "structure")]),
    "nulls only, in both lists": (
        patient(name=[{"given": [None], "_given": [None]}]),
        [("Patient.name[0].given", "structure"), ("Patient.name[0].given[0]", "structure")],
    ),
    "no resourceType": ({"id": "1"}, [("", "required")]),
    "null resourceType": ({"resourceType": None}, [("", "required")]),
    "a resourceType that R4 does not have": ({"resourceType": "Pacient"}, [("", "structure")]),
    "a resourceType of R5": ({"resourceType": "Transport"}, [("", "structure")]),
    "a resourceType that is a data type": ({"resourceType": "HumanName"}, [("", "structure")]),
    "an abstract resourceType": ({"resourceType": "DomainResource"}, [("", "structure")]),
    "a resourceType that is no text": ({"resourceType": ["Patient"]}, [("", "structure")]),
    "no object at all": ([1], [("", "structure")]),
    "text": ("Patient", [("", "structure")]),
    "nothing": (None, [("", "structure")]),
    "unknown resourceType in a bundle": (
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Pacient"}}]},
        [("Bundle.entry[0].resource", "structure")],
    ),
    "no resourceType in a bundle": (
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"id": "1"}}]},
        [("Bundle.entry[0].resource", "required")],
    ),
    "no resourceType in a contained resource": (
        patient(contained=[{"id": "o"}], managingOrganization={"reference": "#o"}),
        [("Patient.contained[0]", "required"), ("Patient.managingOrganization.reference", "invariant")],
    ),
    "resourceType in a data type": (
        patient(name=[{"resourceType": "HumanName", "family": "A"}]),
        [("Patient.name[0].resourceType", "structure")],
    ),
    "comments of DSTU2": (patient(fhir_comments=["x"]), [("Patient.fhir_comments", "structure")]),
    "names of a programming language": (
        {"resourceType": "Encounter", "status": "finished", "class_fhir": {"code": "AMB"}},
        [("Encounter.class", "required"), ("Encounter.class_fhir", "structure")],
    ),
    "a field of R5": (observation(triggeredBy=[]), [("Observation.triggeredBy", "structure")]),
    "a shape of R5": (
        {"resourceType": "Encounter", "status": "finished", "class": [{"text": "x"}]},
        [("Encounter.class", "structure")],
    ),
    "a medication as R5 has it": (
        {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "subject": {"reference": "Patient/1"},
            "medication": {"concept": {"text": "x"}},
        },
        [("MedicationRequest.medication", "required"), ("MedicationRequest.medication", "structure")],
    ),
    "extension beside a value is no object": (
        patient(birthDate="1980", _birthDate="x"),
        [("Patient.birthDate", "structure")],
    ),
    "extension beside a value is empty": (
        patient(birthDate="1980", _birthDate={}),
        [("Patient.birthDate", "structure")],
    ),
    "extension beside a value has other elements": (
        patient(_birthDate={"value": "1980"}),
        [("Patient.birthDate.value", "structure")],
    ),
    "extension beside an object": (patient(_maritalStatus={"id": "a"}), [("Patient._maritalStatus", "structure")]),
    "extension beside the id": (patient(id="a", _id={"id": "a"}), [("Patient._id", "structure")]),
    "extensions beside a list are no list": (
        patient(name=[{"given": ["A"], "_given": {"id": "a"}}]),
        [("Patient.name[0].given", "structure")],
    ),
}


@pytest.mark.parametrize(("resource", "expected"), CASES.values(), ids=CASES.keys())
def test_wrong_structure_is_told_with_its_place(resource: Any, expected: list[tuple[str, str]]) -> None:
    assert found(resource) == expected


def test_all_problems_are_told_at_once() -> None:
    resource = patient(name=[{"given": ["A", 7], "use": "foo"}], birthDate="1980-13-01", gender="banana", shoeSize=43)
    assert found(resource) == [
        ("Patient.birthDate", "value"),
        ("Patient.gender", "code-invalid"),
        ("Patient.name[0].given[1]", "value"),
        ("Patient.name[0].use", "code-invalid"),
        ("Patient.shoeSize", "structure"),
    ]


def test_places_in_a_bundle_begin_with_the_entry() -> None:
    entries = [{"resource": patient()}] * 4 + [{"resource": patient(name=[{"given": ["A", 7]}])}]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    assert found(bundle) == [("Bundle.entry[4].resource.name[0].given[1]", "value")]


def test_places_begin_where_the_caller_says() -> None:
    issues = validate(patient(birthDate="x"), at="Bundle.entry[4].resource")
    assert [issue.at for issue in issues] == ["Bundle.entry[4].resource.birthDate"]


def test_an_unknown_resource_type_is_told_where_the_caller_says() -> None:
    [issue] = validate({"resourceType": "Pacient"}, at="Bundle.entry[0].resource")
    assert issue == Issue("structure", "must have a resourceType of FHIR R4 (4.0.1)", "Bundle.entry[0].resource")


def test_an_issue_never_repeats_what_was_sent() -> None:
    secret = "Jane Roe"
    resource = patient(birthDate=secret, gender=secret, name=[{"use": secret}], **{secret: 1})
    assert not [issue for issue in validate(resource) if secret in issue.text or secret in (issue.at or "")]


def test_a_million_mistakes_are_told_up_to_a_bound() -> None:
    issues = validate(patient(name=[{"given": [7] * 300_000}]))
    assert len(issues) == 201
    assert issues[-1] == Issue("too-long", "there are more than 200 problems", "Patient", severity="information")


def test_deep_extensions_with_many_mistakes_cost_little() -> None:
    extension: dict[str, Any] = {"url": "http://a", "extension": [{"url": 7}] * 10_000}
    for _ in range(40):
        extension = {"url": "http://a", "extension": [extension]}
    assert len(validate(patient(extension=[extension]))) == 201
