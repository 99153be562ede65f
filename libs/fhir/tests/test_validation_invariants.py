"""The invariants of R4 hold, each told by its key."""

from typing import Any

import pytest

from bedside.fhir.definitions import definitions
from bedside.fhir.validation import validate
from bedside.fhir.validation.invariants import CHECKED_WITH_THEIR_ELEMENT, INVARIANTS

UCUM = "http://unitsofmeasure.org"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
ALLERGY_VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
ALLERGY_CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"


def patient(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **elements}


def observation(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": concept("http://a", "x"), **elements}


def condition(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "subject": {"reference": "Patient/1"}, **elements}


def allergy(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "AllergyIntolerance", "patient": {"reference": "Patient/1"}, **elements}


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def bundle(type_name: str, *entries: dict[str, Any], **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": type_name, **({"entry": list(entries)} if entries else {}), **elements}


def contained(**elements: Any) -> dict[str, Any]:
    organization = {"resourceType": "Organization", "id": "o", "name": "O", **elements}
    return patient(contained=[organization], managingOrganization={"reference": "#o"})


def timing(**repeat: Any) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/1"},
        "occurrenceTiming": {"repeat": repeat},
    }


def appointment(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Appointment", "status": "booked", "participant": [participant()], **elements}


def participant(**elements: Any) -> dict[str, Any]:
    return {"status": "accepted", "actor": {"reference": "Patient/1"}, **elements}


def organization(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Organization", **elements}


def period(start: str, end: str) -> dict[str, Any]:
    return patient(name=[{"family": "A", "period": {"start": start, "end": end}}])


REQUEST = {"method": "POST", "url": "Patient"}
START, END = "2020-01-01T10:00:00Z", "2020-01-01T11:00:00Z"
ENTERED_IN_ERROR = concept(VERIFICATION, "entered-in-error")

BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "ext-1": (
        patient(extension=[{"url": "http://a", "valueString": "a", "extension": [{"url": "b", "valueString": "c"}]}]),
        "Patient.extension[0]",
    ),
    "ext-1 without anything": (patient(extension=[{"url": "http://a"}]), "Patient.extension[0]"),
    "ext-1 beside a value": (
        patient(birthDate="1980", _birthDate={"extension": [{"url": "http://a"}]}),
        "Patient.birthDate.extension[0]",
    ),
    "dom-2": (
        contained(contained=[{"resourceType": "Organization", "id": "p", "name": "P"}], partOf={"reference": "#o"}),
        "Patient.contained[0]",
    ),
    "dom-3": (
        patient(contained=[{"resourceType": "Organization", "id": "o", "name": "O"}]),
        "Patient.contained[0]",
    ),
    "dom-4": (contained(meta={"versionId": "1"}), "Patient.contained[0]"),
    "dom-5": (contained(meta={"security": [{"code": "R"}]}), "Patient.contained[0]"),
    "ref-1": (patient(managingOrganization={"reference": "#o"}), "Patient.managingOrganization.reference"),
    "txt-1": (
        patient(text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><script/>a</div>'}),
        "Patient.text.div",
    ),
    "txt-2": (
        patient(text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"> </div>'}),
        "Patient.text.div",
    ),
    "per-1": (period("2020-02", "2020-01"), "Patient.name[0].period"),
    "per-1 across zones": (
        period("2020-01-01T10:00:00+01:00", "2020-01-01T10:30:00+02:00"),
        "Patient.name[0].period",
    ),
    "per-1 by a fraction": (period("2020-01-01T10:00:00.5Z", "2020-01-01T10:00:00.25Z"), "Patient.name[0].period"),
    "cpt-2": (patient(telecom=[{"value": "1"}]), "Patient.telecom[0]"),
    "att-1": (patient(photo=[{"data": "QUJD"}]), "Patient.photo[0]"),
    "pat-1": (patient(contact=[{"gender": "male"}]), "Patient.contact[0]"),
    "obs-3": (observation(referenceRange=[{"type": {"text": "x"}}]), "Observation.referenceRange[0]"),
    "obs-3 of a component": (
        observation(component=[{"code": {"text": "y"}, "referenceRange": [{"type": {"text": "x"}}]}]),
        "Observation.component[0].referenceRange[0]",
    ),
    "obs-6": (observation(valueString="x", dataAbsentReason={"text": "y"}), "Observation"),
    "obs-7": (
        observation(valueString="x", component=[{"code": {"text": "a"}}, {"code": concept("http://a", "x")}]),
        "Observation.component[1].code",
    ),
    "qty-3": (observation(valueQuantity={"value": 1, "code": "kg"}), "Observation.value"),
    "rng-2": (observation(valueRange={"low": {"value": 2}, "high": {"value": 1}}), "Observation.value"),
    "rat-1": (observation(valueRatio={"numerator": {"value": 1}}), "Observation.value"),
    "age-1": (condition(onsetAge={"value": 0, "system": UCUM, "code": "a"}), "Condition.onset"),
    "con-1": (condition(stage=[{"type": {"text": "x"}}]), "Condition.stage[0]"),
    "con-2": (condition(evidence=[{"id": "x"}]), "Condition.evidence[0]"),
    "con-4": (
        condition(clinicalStatus=concept(CLINICAL, "active"), abatementString="x"),
        "Condition",
    ),
    "con-5": (
        condition(verificationStatus=ENTERED_IN_ERROR, clinicalStatus=concept(CLINICAL, "active")),
        "Condition",
    ),
    "ait-1": (allergy(), "AllergyIntolerance"),
    "ait-2": (
        allergy(
            verificationStatus=concept(ALLERGY_VERIFICATION, "entered-in-error"),
            clinicalStatus=concept(ALLERGY_CLINICAL, "active"),
        ),
        "AllergyIntolerance",
    ),
    "app-1": (
        appointment(start=START, end=END, participant=[{"status": "accepted"}]),
        "Appointment.participant[0]",
    ),
    "app-2": (appointment(start=START, status="proposed"), "Appointment"),
    "app-3": (appointment(), "Appointment"),
    "app-4": (appointment(start=START, end=END, cancelationReason={"text": "x"}), "Appointment"),
    "org-1": (organization(active=True), "Organization"),
    "org-2": (organization(name="O", address=[{"use": "work"}, {"use": "home"}]), "Organization.address[1]"),
    "org-3": (
        organization(name="O", telecom=[{"system": "phone", "value": "1", "use": "home"}]),
        "Organization.telecom[0]",
    ),
    "grp-1": (
        {
            "resourceType": "Group",
            "type": "person",
            "actual": False,
            "member": [{"entity": {"reference": "Patient/1"}}],
        },
        "Group",
    ),
    "inv-1 of a task": (
        {
            "resourceType": "Task",
            "status": "draft",
            "intent": "order",
            "authoredOn": END,
            "lastModified": START,
        },
        "Task",
    ),
    "inv-1 of a parameter": (
        {"resourceType": "Parameters", "parameter": [{"name": "a"}]},
        "Parameters.parameter[0]",
    ),
    "tim-1": (timing(duration=1), "ServiceRequest.occurrence.repeat"),
    "tim-2": (timing(period=1), "ServiceRequest.occurrence.repeat"),
    "tim-4": (timing(duration=-1, durationUnit="d"), "ServiceRequest.occurrence.repeat"),
    "tim-9": (timing(offset=1, when=["CM"]), "ServiceRequest.occurrence.repeat"),
    "bdl-1": (bundle("collection", total=1), "Bundle"),
    "bdl-2": (
        bundle("collection", {"resource": patient(), "search": {"mode": "match"}}),
        "Bundle.entry[0].search",
    ),
    "bdl-3": (
        bundle("transaction", {"resource": patient(), "request": REQUEST}, {"resource": patient()}),
        "Bundle.entry[1].request",
    ),
    "bdl-3 unasked": (bundle("collection", {"resource": patient(), "request": REQUEST}), "Bundle.entry[0].request"),
    "bdl-4": (bundle("batch-response", {"resource": patient()}), "Bundle.entry[0].response"),
    "bdl-5": (bundle("collection", {"fullUrl": "http://a/Patient/1"}), "Bundle.entry[0]"),
    "bdl-7": (
        bundle(
            "collection",
            {"fullUrl": "http://a/Patient/1", "resource": patient()},
            {"fullUrl": "http://a/Patient/1", "resource": patient()},
        ),
        "Bundle.entry[1].fullUrl",
    ),
    "bdl-8": (
        bundle("collection", {"fullUrl": "http://a/Patient/1/_history/2", "resource": patient()}),
        "Bundle.entry[0].fullUrl",
    ),
    "bdl-12": (bundle("message", {"resource": patient()}), "Bundle"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_invariant_is_told_by_its_key(name: str) -> None:
    resource, at = BROKEN[name]
    key = name.partition(" ")[0]
    assert [(issue.at, issue.code, issue.text.partition(":")[0]) for issue in validate(resource)] == [
        (at, "invariant", key)
    ]


def test_a_document_has_an_identifier_a_time_and_a_composition() -> None:
    keys = {issue.text.partition(":")[0] for issue in validate(bundle("document", {"resource": patient()}))}
    assert keys == {"bdl-9", "bdl-10", "bdl-11"}


HELD: dict[str, dict[str, Any]] = {
    "per-1 of the same day": period("2020-01-01", "2020-01-01"),
    "per-1 of a day and its month": period("2020-01-31", "2020-01"),
    "per-1 of a day and a time in it": period("2020-01-01", "2020-01-01T00:00:00Z"),
    "per-1 of a time and its day": period("2020-01-01T23:00:00-10:00", "2020-01-01"),
    "per-1 across zones": period("2020-01-01T10:00:00+02:00", "2020-01-01T09:30:00+01:00"),
    "per-1 with a leap second": period("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
    "per-1 at the end of time": period("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59-12:30"),
    "per-1 at its beginning": period("0001-01-01T00:00:00+12:00", "0001-01-01T00:00:00Z"),
    "obs-7 without a value": observation(component=[{"code": concept("http://a", "x"), "valueString": "y"}]),
    "rng-2 of two units": observation(valueRange={"low": {"value": 2, "unit": "d"}, "high": {"value": 1, "unit": "a"}}),
    "con-5": condition(verificationStatus=ENTERED_IN_ERROR),
    "bdl-7 of a history": bundle(
        "history",
        *[{"fullUrl": "http://a/Patient/1", "resource": patient(), "request": REQUEST, "response": {"status": "200"}}]
        * 2,
    ),
    "bdl-3 of a deletion": bundle("transaction", {"request": {"method": "DELETE", "url": "Patient/1"}}),
    "app-3 of a cancelled one": appointment(status="cancelled"),
}


@pytest.mark.parametrize("resource", HELD.values(), ids=HELD.keys())
def test_a_held_invariant_is_not_told(resource: dict[str, Any]) -> None:
    assert validate(resource) == []


def test_invariants_are_judged_beside_other_mistakes() -> None:
    resource = observation(valueString="x", dataAbsentReason={"text": "y"}, shoeSize=1)
    assert sorted((issue.at or "", issue.code) for issue in validate(resource)) == [
        ("Observation", "invariant"),
        ("Observation.shoeSize", "structure"),
    ]


MISSHAPEN: list[Any] = [None, 1, "x", True, [], {}, [1], [None], ["x"], [[]], [{}], {"a": 1}]


@pytest.mark.parametrize("name", BROKEN)
def test_invariants_do_not_stumble_over_wrong_shapes(name: str) -> None:
    resource, _ = BROKEN[name]
    for element in resource.keys() - {"resourceType"}:
        for value in MISSHAPEN:
            validate({**resource, element: value})
            inner = resource[element]
            if isinstance(inner, list) and isinstance(inner[0], dict):
                for nested in inner[0]:
                    validate({**resource, element: [{**inner[0], nested: value}, *inner[1:]]})
            if isinstance(inner, dict):
                for nested in inner:
                    validate({**resource, element: {**inner, nested: value}})


def test_the_invariants_that_are_not_checked_are_known() -> None:
    known = definitions()
    checked = set(INVARIANTS) | CHECKED_WITH_THEIR_ELEMENT
    assert checked <= set(known.invariant_keys)
    open_keys = set(known.invariant_keys) - checked
    # Those of definitions and test scripts, which no core service owns; and ppc-2 to ppc-5, which nothing can break.
    families = {key.rpartition(".")[2].partition("-")[0] for key in open_keys}
    assert families == {
        "ces", "cmd", "cpb", "csd", "eld", "ig", "imr", "inv", "ipn", "lnk", "md", "mea", "mrp", "msq", "nsd", "opd",
        "ppc", "rqg", "sdf", "smp", "spd", "tcp", "tst", "vsd",
    }  # fmt: skip
