"""The smallest valid resource of a type, made from its definition."""

from typing import Any

from bedside.fhir.definitions import definitions
from bedside.fhir.definitions.structure import Element, TypeChoice

_VALUES: dict[str, Any] = {
    "boolean": True,
    "integer": 1,
    "positiveInt": 1,
    "unsignedInt": 1,
    "decimal": 1.5,
    "date": "2026-01-15",
    "dateTime": "2026-01-15",
    "instant": "2026-01-15T10:00:00Z",
    "time": "10:00:00",
    "code": "text/plain",
    "id": "a",
    "base64Binary": "aGVsbG8=",
    "Period": {"start": "2026-01-15", "end": "2026-01-16"},
    "CodeableConcept": {"text": "x"},
    "Annotation": {"text": "x"},
    "Coding": {"system": "http://example.org/x", "code": "x"},
    "Attachment": {"contentType": "text/plain", "data": "aGVsbG8="},
    "Quantity": {"value": 1, "unit": "x"},
}
# What invariants demand beyond the cardinalities.
_INVARIANTS: dict[str, dict[str, Any]] = {
    "AllergyIntolerance": {
        "clinicalStatus": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}
            ]
        }
    },
    "Appointment": {"status": "proposed", "participant": [{"status": "accepted", "type": [{"text": "x"}]}]},
    "AppointmentResponse": {"participantType": [{"text": "x"}]},
    "Consent": {"policyRule": {"text": "x"}},
    "Organization": {"name": "x"},
}


def smallest(type_name: str, *, patient: str) -> dict[str, Any]:
    """`patient` is a reference, put wherever a Patient may stand: `Patient/p1`. Elements that refer elsewhere name
    things by identifier, so that nothing else needs to exist."""
    made = {"resourceType": type_name, **_required(type_name, patient), **_INVARIANTS.get(type_name, {})}
    for name in ("subject", "patient", "beneficiary"):
        element = definitions().type(type_name).elements.get(name)
        if element is not None and any(_may_be_patient(choice) for choice in element.types):
            made[name] = [{"reference": patient}] if element.repeats else {"reference": patient}
    return made


def _required(structure: str, patient: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for element in definitions().type(structure).elements.values():
        if element.required:
            name, choice = next(element.json_names())
            value = _value(structure, element, choice, patient)
            made[name] = [value] if element.repeats else value
    return made


def _value(structure: str, element: Element, choice: TypeChoice, patient: str) -> Any:
    known = definitions()
    if element.binding and element.binding.strength == "required" and known.is_listed(element.binding.value_set):
        system, code = sorted(known.codings(element.binding.value_set))[0]
        coding = {"system": system, "code": code}
        return {"code": code, "Coding": coding}.get(choice.code, {"coding": [coding]})
    if choice.code in ("BackboneElement", "Element"):
        return _required(f"{structure}.{element.name}", patient)
    if choice.code == "Reference":
        return {"reference": patient} if _may_be_patient(choice) else {"identifier": {"value": "x"}}
    if choice.code in _VALUES:
        return _VALUES[choice.code]
    if known.type(choice.code).kind == "primitive-type":
        return "http://example.org/x" if choice.code in ("uri", "url", "canonical") else "x"
    return _required(choice.code, patient)


def _may_be_patient(choice: TypeChoice) -> bool:
    return choice.code == "Reference" and bool({"Patient", "Resource"} & set(choice.targets))
