"""The definitions are those of R4 4.0.1, and their numbers never move."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from bedside.fhir.definitions import Component, SearchParameter, TypeChoice, definitions
from bedside.fhir.definitions import known as known_module

TOOL = Path(__file__).parents[1] / "tools/build_definitions.py"
GENERATED = Path(known_module.__file__).parent / "generated"


def test_every_resource_type_of_r4_is_known() -> None:
    assert len(definitions().resource_types) == 146
    assert "Resource" not in definitions().resource_types


# These numbers are in databases. A change here is a migration.
@pytest.mark.parametrize(("name", "number"), [("Account", 1), ("Encounter", 44), ("Patient", 103), ("Observation", 96)])
def test_the_number_of_a_type_is_for_good(name: str, number: int) -> None:
    assert definitions().type_id(name) == number
    assert definitions().type_name(number) == name


@pytest.mark.parametrize(
    ("name", "code", "number"),
    [
        ("Account", "_content", 1),
        ("Patient", "_id", 2219),
        ("Patient", "telecom", 2252),
        ("VisionPrescription", "status", 3165),
    ],
)
def test_the_number_of_a_search_parameter_is_for_good(name: str, code: str, number: int) -> None:
    assert definitions().sp(name, code) == number


def test_every_search_parameter_has_a_number_of_its_own_that_fits_a_smallint() -> None:
    known = definitions()
    numbers = [known.sp(name, code) for name in known.resource_types for code in known.search_parameters(name)]
    assert sorted(numbers) == list(range(1, 3166))


@pytest.mark.parametrize("number", [0, -1])
def test_a_number_below_one_is_no_type(number: int) -> None:
    with pytest.raises(KeyError):
        definitions().type_name(number)


def test_a_type_tells_its_elements() -> None:
    patient = definitions().type("Patient")
    name = patient.elements["name"]
    assert (name.types, name.required, name.repeats) == ((TypeChoice("HumanName"),), False, True)
    assert patient.elements["gender"].binding is not None
    assert patient.elements["contact"].types == (TypeChoice("Patient.contact"),)
    assert patient.elements["contact"].invariants == ("pat-1",)


def test_a_choice_is_named_after_its_type() -> None:
    onset = definitions().type("Condition").elements["onset[x]"]
    assert [name for name, _ in onset.json_names()] == [
        "onsetDateTime", "onsetAge", "onsetPeriod", "onsetRange", "onsetString",
    ]  # fmt: skip


def test_a_repeated_definition_is_the_one_it_refers_to() -> None:
    component = definitions().type("Observation.component")
    assert component.elements["referenceRange"].types == (TypeChoice("Observation.referenceRange"),)


def test_a_simple_quantity_has_no_comparator() -> None:
    assert "comparator" not in definitions().type("SimpleQuantity").elements


def test_search_parameters_of_all_resources_are_those_of_each_type() -> None:
    common = {"_id", "_lastUpdated", "_tag", "_profile", "_security", "_source"}
    for name in definitions().resource_types:
        assert common <= definitions().search_parameters(name).keys()


def test_a_search_parameter_tells_how_it_is_found() -> None:
    found = definitions().search_parameters("Observation")
    assert found["encounter"].targets == ("Encounter", "EpisodeOfCare")
    assert found["code-value-concept"] == SearchParameter(
        code="code-value-concept",
        type="composite",
        expression="Observation",
        targets=(),
        components=(
            Component("code", "http://hl7.org/fhir/SearchParameter/clinical-code", "code"),
            Component(
                "value-concept",
                "http://hl7.org/fhir/SearchParameter/Observation-value-concept",
                "value.as(CodeableConcept)",
            ),
        ),
        url="http://hl7.org/fhir/SearchParameter/Observation-code-value-concept",
    )


def test_examples_of_search_parameters_are_not_searched_by() -> None:
    assert "part-agree" not in definitions().search_parameters("Patient")
    assert definitions().search_parameters("Patient")["_id"].expression == "Resource.id"


def test_a_compartment_tells_what_belongs_to_it() -> None:
    assert definitions().compartment_parameters("Patient", "Observation") == ("subject", "performer")
    assert definitions().compartment_parameters("Patient", "Medication") == ()


def test_codes_of_a_required_binding_are_listed() -> None:
    genders = "http://hl7.org/fhir/ValueSet/administrative-gender"
    assert definitions().codes(genders) == {"male", "female", "other", "unknown"}
    assert ("http://hl7.org/fhir/administrative-gender", "male") in definitions().codings(genders)


def test_only_four_required_value_sets_cannot_be_listed() -> None:
    known = definitions()
    bindings = [
        element.binding
        for name in known.type_names
        for element in known.type(name).elements.values()
        if element.binding and element.binding.strength == "required"
    ]
    assert {each.value_set for each in bindings if not known.is_listed(each.value_set)} == {
        "http://hl7.org/fhir/ValueSet/mimetypes",
        "http://hl7.org/fhir/ValueSet/ucum-units",
        "http://hl7.org/fhir/ValueSet/currencies",
        "http://loinc.org/vs/LL379-9",
    }


def test_references_tell_where_they_may_point() -> None:
    targets = definitions().reference_targets()
    assert targets["Observation.subject"] == ("Device", "Group", "Location", "Patient")
    assert targets["Patient.link.other"] == ("Patient", "RelatedPerson")
    assert targets["Observation.focus"] == ("Resource",)


@pytest.mark.servers
def test_the_tables_are_what_the_script_makes_of_the_official_package(tmp_path: Path) -> None:
    subprocess.run([sys.executable, TOOL, tmp_path], check=True, capture_output=True)
    made = {path.name: gzip.decompress(path.read_bytes()) for path in tmp_path.iterdir()}
    # Compressors of different ages pack differently, so the content is compared.
    assert made == {path.name: gzip.decompress(path.read_bytes()) for path in GENERATED.glob("*.gz")}
