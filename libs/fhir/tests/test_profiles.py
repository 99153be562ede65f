"""Profiles: what US Core and R4 demand beyond R4, each with a resource that meets it and one that does not."""

import copy
import gzip
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bedside.fhir.profiles import declared, held, judged
from bedside.fhir.validation import validate

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
TOOL = Path(__file__).parents[1] / "tools/build_profiles.py"
GENERATED = Path(__file__).parents[1] / "src/bedside/fhir/profiles/generated"
PACKAGE = Path(__file__).parents[4] / "shared/data/us-core/us_core_610.tgz"

RACE = {
    "url": f"{US_CORE}race",
    "extension": [
        {"url": "ombCategory", "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3"}},
        {"url": "text", "valueString": "White"},
    ],
}
PATIENT = {
    "resourceType": "Patient",
    "extension": [RACE],
    "identifier": [{"system": "http://example.org/mrn", "value": "1"}],
    "name": [{"family": "Okafor"}],
    "gender": "female",
}
PRESSURE = {
    "resourceType": "Observation",
    "status": "final",
    "category": [
        {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}
    ],
    "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}], "text": "blood pressure"},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2026-01-15",
    "component": [
        {
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "valueQuantity": {
                "value": value,
                "unit": "mmHg",
                "system": "http://unitsofmeasure.org",
                "code": "mm[Hg]",
            },
        }
        for code, value in (("8480-6", 120), ("8462-4", 80))
    ],
}
SMOKING = {
    "resourceType": "Observation",
    "status": "final",
    "category": [
        {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "social-history"}]}
    ],
    "code": {"coding": [{"system": "http://loinc.org", "code": "72166-2"}]},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2026-01-15",
    "valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "266919005"}]},
}


def changed(good: dict[str, Any], **elements: Any) -> dict[str, Any]:
    """With these elements; None takes one out."""
    made = copy.deepcopy(good) | elements
    return {name: value for name, value in made.items() if value is not None}


def found(resource: dict[str, Any], profile: str) -> list[tuple[str, str, str | None]]:
    known = held().profile(US_CORE + profile if "/" not in profile else profile)
    assert known is not None
    assert [i for i in validate(resource) if i.severity in ("error", "fatal")] == [], "only valid R4 is judged"
    issues = judged(resource, known, resource["resourceType"]).issues
    return [(issue.code, issue.text.partition(": ")[2], issue.at) for issue in issues]


@pytest.mark.parametrize(
    ("resource", "profile"),
    [
        (PATIENT, "patient"),
        (PRESSURE, "blood-pressure"),
        (PRESSURE, "http://hl7.org/fhir/StructureDefinition/bp"),
        (SMOKING, "smokingstatus"),
        # The reason why a value is absent stands in its place.
        (
            changed(
                PATIENT,
                gender=None,
                _gender={
                    "extension": [
                        {
                            "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                            "valueCode": "unknown",
                        }
                    ]
                },
            ),
            "patient",
        ),
        (changed(PATIENT, extension=None), "patient"),
        (changed(PATIENT, extension=[RACE, {"url": "http://example.org/other", "valueString": "x"}]), "patient"),
    ],
    ids=["patient", "blood pressure", "R4's own", "smoking", "absent with a reason", "no extension", "another's"],
)
def test_a_resource_that_meets_its_profile_has_no_issue(resource: dict[str, Any], profile: str) -> None:
    assert found(resource, profile) == []


CASES: dict[str, tuple[dict[str, Any], str, list[tuple[str, str, str]]]] = {
    "a missing element": (
        changed(PATIENT, gender=None),
        "patient",
        [("required", "needs at least 1", "Patient.gender")],
    ),
    "a missing element within a list": (
        changed(PATIENT, identifier=[{"value": "1"}, {"system": "http://example.org/mrn", "value": "2"}]),
        "patient",
        [("required", "needs at least 1", "Patient.identifier[0].system")],
    ),
    "a fixed value in a slice": (
        changed(
            PRESSURE,
            component=[
                changed(
                    PRESSURE["component"][0], valueQuantity={**PRESSURE["component"][0]["valueQuantity"], "code": "kPa"}
                ),
                PRESSURE["component"][1],
            ],
        ),
        "blood-pressure",
        [("value", "must be mm[Hg]", "Observation.component[0].value.code")],
    ),
    "a pattern": (
        changed(PRESSURE, code={"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}),
        "blood-pressure",
        [("value", "must have http://loinc.org|85354-9", "Observation.code")],
    ),
    "a missing slice": (
        changed(PRESSURE, component=[PRESSURE["component"][0]] * 1 + [changed(PRESSURE["component"][0])]),
        "blood-pressure",
        [
            ("required", "needs at least 1 of the slice diastolic", "Observation.component"),
            ("structure", "has at most 1 of the slice systolic", "Observation.component"),
        ],
    ),
    "a category of another system": (
        changed(PRESSURE, category=[{"coding": [{"system": "http://example.org/x", "code": "vital-signs"}]}]),
        "blood-pressure",
        [("required", "needs at least 1 of the slice VSCat", "Observation.category")],
    ),
    "a type the profile does not leave": (
        changed(SMOKING, effectiveDateTime=None, effectivePeriod={"start": "2026-01-15"}),
        "smokingstatus",
        [
            ("structure", "must be of type dateTime", "Observation.effective"),
            ("required", "needs at least 1 of the slice effectiveDateTime", "Observation.effective"),
            ("structure", "belongs to none of the slices allowed here", "Observation.effective"),
        ],
    ),
    "a code outside the binding": (
        changed(SMOKING, status="preliminary"),
        "smokingstatus",
        [
            (
                "code-invalid",
                "must have a code of http://hl7.org/fhir/us/core/ValueSet/us-core-observation-smoking-status-status",
                "Observation.status",
            )
        ],
    ),
    "a reference to another type": (
        changed(PRESSURE, subject={"reference": "Group/g1"}),
        "blood-pressure",
        [("value", "must refer to Patient", "Observation.subject")],
    ),
    "an extension that does not meet its own profile": (
        changed(PATIENT, extension=[changed(RACE, extension=RACE["extension"][:1])]),
        "patient",
        [("required", "needs at least 1 of the slice text", "Patient.extension[0].extension")],
    ),
    "an extension more often than once": (
        changed(PATIENT, extension=[RACE, RACE]),
        "patient",
        [("structure", "has at most 1 of the slice race", "Patient.extension")],
    ),
    "a resource of another type": (
        PATIENT,
        "blood-pressure",
        [("invalid", "", "Patient")],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_profile_demands_is_missed_at_its_place(name: str) -> None:
    resource, profile, expected = CASES[name]

    assert sorted(found(resource, profile)) == sorted(expected)


def test_what_is_not_judged_is_said() -> None:
    profile = held().profile(f"{US_CORE}patient")
    assert profile is not None
    judgement = judged(PATIENT, profile, "Patient")

    said = [issue.text for issue in judgement.notes(profile)]
    assert any("us-core-6" in text for text in said)
    assert any("omb-race-category" in text for text in said)
    assert {issue.severity for issue in judgement.notes(profile)} == {"information"}


def test_a_profile_is_found_with_its_version_and_an_unknown_one_is_not() -> None:
    profile = held().profile(f"{US_CORE}patient|6.1.0")

    assert profile is not None
    assert profile.type_name == "Patient"
    assert held().profile("http://example.org/StructureDefinition/mine") is None
    assert f"{US_CORE}blood-pressure" in held().by_type["Observation"]


@pytest.mark.skipif(not PACKAGE.exists(), reason="the US Core package does not lie beside the project")
def test_every_example_of_us_core_meets_the_profiles_it_declares() -> None:
    examples = [each for document in _examples() for each in _resources(document)]
    wanting = [
        (resource["resourceType"], resource.get("id"), issue.at, issue.text)
        for resource in examples
        for url in declared(resource)
        if (profile := held().profile(url)) is not None
        for issue in judged(resource, profile, resource["resourceType"]).issues
    ]

    assert len(examples) > 150
    assert wanting == []


@pytest.mark.servers
@pytest.mark.skipif(not PACKAGE.exists(), reason="the US Core package does not lie beside the project")
def test_the_table_is_what_the_script_makes_of_the_package(tmp_path: Path) -> None:
    subprocess.run([sys.executable, TOOL, PACKAGE, tmp_path], check=True, capture_output=True)
    made = {path.name: gzip.decompress(path.read_bytes()) for path in tmp_path.iterdir()}
    assert made == {path.name: gzip.decompress(path.read_bytes()) for path in GENERATED.glob("*.gz")}


def _examples() -> list[dict[str, Any]]:
    with tarfile.open(PACKAGE) as members:
        files = [each for each in members if each.name.startswith("package/example/") and each.name.endswith(".json")]
        read = [members.extractfile(each) for each in files]
        return [json.load(each) for each in read if each is not None]


def _resources(document: dict[str, Any]) -> list[dict[str, Any]]:
    if document.get("resourceType") == "Bundle":
        return [entry["resource"] for entry in document.get("entry", ())]
    return [document] if "resourceType" in document else []
