"""Every modifier of every type of parameter, by tables: what is asked, what is found. On both databases."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bedside.fhir.outcome import Refused
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.query import parse
from bedside.fhir.search.testing import Shelf, shelf

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ENCOUNTER_CLASSES = "http://terminology.hl7.org/ValueSet/v3-ActEncounterCode"
GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"
VITAL_SIGNS = "http://hl7.org/fhir/ValueSet/observation-vitalsignresult"
ALL_OF_LOINC = "http://hl7.org/fhir/ValueSet/observation-codes"
LOINC = "http://loinc.org"
TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    async with shelf(request.param, tmp_path, Facility(base_url="http://here/fhir")) as empty:
        yield empty


def resource(type_name: str, id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": type_name, "id": id, **elements}


async def found(on: Shelf, table: dict[str, str]) -> dict[str, str]:
    return {asked: " ".join(sorted(await on.found(asked))) for asked in table}


def refusal(type_name: str, name: str, value: str) -> str:
    with pytest.raises(Refused) as refused:
        parse(type_name, [(name, value)])
    assert refused.value.status == 400
    [issue] = refused.value.issues
    return f"{issue.code}: {issue.text}"


async def test_missing_is_asked_of_every_parameter_those_without_rows_included(on: Shelf) -> None:
    await on.put(
        resource("Patient", "whole", gender="male", birthDate="1980", name=[{"family": "A"}]), resource("Patient", "b")
    )
    table = {
        "Patient?gender:missing=true": "b",
        "Patient?gender:missing=false": "whole",
        "Patient?birthdate:missing=true": "b",
        "Patient?name:missing=false": "whole",
        "Patient?phonetic:missing=false": "whole",
        "Patient?organization:missing=true": "b whole",
        "Patient?_id:missing=true": "",
        "Patient?_id:missing=false": "b whole",
        "Patient?_lastUpdated:missing=true": "",
        "Patient?_lastUpdated:missing=false": "b whole",
    }
    assert await found(on, table) == table


async def test_not_finds_all_without_any_of_the_values_also_those_without_a_value(on: Shelf) -> None:
    await on.put(
        resource("Patient", "m", gender="male"),
        resource("Patient", "f", gender="female"),
        resource("Patient", "o", gender="other"),
        resource("Patient", "none"),
    )
    table = {
        "Patient?gender:not=male": "f none o",
        "Patient?gender:not=male,female": "none o",
        "Patient?gender:not=male&gender:not=other": "f none",
        "Patient?gender:not=http://hl7.org/fhir/administrative-gender|male": "f none o",
        "Patient?_id:not=m,f": "none o",
    }
    assert await found(on, table) == table


async def test_the_words_beside_a_code_are_searched_by_their_beginnings(on: Shelf) -> None:
    await on.put(
        resource("Condition", "text", code={"text": "Type 2 diabetes mellitus"}),
        resource("Condition", "display", code={"coding": [{"code": "1", "display": "Diabetes insipidus"}]}),
        resource("Condition", "code", code={"coding": [{"code": "diabetes"}]}),
        resource("Patient", "p", identifier=[{"type": {"text": "Medical record"}, "value": "diabetes"}]),
        resource("Medication", "m", code={"coding": [{"display": "Métformin 500 mg"}, {"display": "Glucophage"}]}),
    )
    table = {
        "Condition?code:text=diabetes": "display text",
        "Condition?code:text=DIAB": "display text",
        "Condition?code:text=mellitus type": "text",
        "Condition?code:text=abetes": "",
        "Condition?code:text=mellitus,insipidus": "display text",
        "Patient?identifier:text=record": "p",
        "Patient?identifier:text=diabetes": "",
        "Medication?code:text=metformin": "m",
        "Medication?code:text=gluco": "m",
    }
    assert await found(on, table) == table


async def test_a_code_is_found_in_a_value_set_and_outside_of_it(on: Shelf) -> None:
    def heart_rate(id: str, system: str, code: str) -> dict[str, Any]:
        return resource("Observation", id, code={"coding": [{"system": system, "code": code}]})

    await on.put(
        heart_rate("pulse", LOINC, "8867-4"),
        heart_rate("other", LOINC, "1-8"),
        heart_rate("local", "urn:x", "8867-4"),
        resource("Observation", "text", code={"text": "pulse"}),
        resource("Patient", "m", gender="male"),
        resource("Patient", "none"),
        resource("Encounter", "e", **{"class": {"system": ACT_CODE, "code": "AMB"}}),
    )
    table = {
        f"Observation?code:in={VITAL_SIGNS}": "pulse",
        f"Observation?code:in={VITAL_SIGNS}|4.0.1": "pulse",
        f"Observation?code:not-in={VITAL_SIGNS}": "local other text",
        f"Patient?gender:in={GENDERS}": "m",
        f"Patient?gender:not-in={GENDERS}": "none",
        f"Observation?code:in={ALL_OF_LOINC}": "other pulse",
        f"Encounter?class:in={ENCOUNTER_CLASSES}": "e",
    }
    assert await found(on, table) == table


def test_a_value_set_that_is_not_known_here_is_refused_as_such() -> None:
    said = "not-supported: Parameter code:in: this value set is not known here, or needs a code system that is not"
    assert refusal("Observation", "code:in", "http://nowhere.org/ValueSet/x") == said
    assert refusal("Observation", "code:in", "http://hl7.org/fhir/ValueSet/substance-code") == said


async def test_codes_are_found_above_and_below_one_another_in_code_systems_that_are_held(on: Shelf) -> None:
    await on.put(
        resource("Encounter", "amb", **{"class": {"system": ACT_CODE, "code": "AMB"}}),
        resource("Encounter", "acute", **{"class": {"system": ACT_CODE, "code": "ACUTE"}}),
        resource("Encounter", "imp", **{"class": {"system": ACT_CODE, "code": "IMP"}}),
        resource("Encounter", "x", **{"class": {"system": "urn:x", "code": "ACUTE"}}),
        resource("Patient", "m", gender="male"),
    )
    table = {
        f"Encounter?class:below={ACT_CODE}|IMP": "acute imp",
        f"Encounter?class:below={ACT_CODE}|ACUTE": "acute",
        f"Encounter?class:above={ACT_CODE}|ACUTE": "acute imp",
        f"Encounter?class:below={ACT_CODE}|_ActEncounterCode": "acute amb imp",
        # A list of codes without a hierarchy: each is above and below itself alone.
        "Patient?gender:below=http://hl7.org/fhir/administrative-gender|male": "m",
        "Patient?gender:above=male": "m",
    }
    assert await found(on, table) == table


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            "http://snomed.info/sct|1",
            "not-supported: Parameter {}: the hierarchy of this code system is not known here",
        ),
        (f"{ACT_CODE}|NOSUCH", "value: Parameter {}: this code system has no such code"),
        ("IMP", "value: Parameter {}: a code in its hierarchy is written as system|code"),
        (f"{ACT_CODE}|", "value: Parameter {}: a code in its hierarchy is written as system|code"),
        ("a|b|c", "value: Parameter {}: a code in its hierarchy is written as system|code"),
    ],
)
@pytest.mark.parametrize("name", ["code:above", "code:below"])
def test_a_hierarchy_that_is_not_known_is_refused(name: str, value: str, said: str) -> None:
    assert refusal("Observation", name, value) == said.format(name)


async def test_an_identifier_is_found_by_type_and_value(on: Shelf) -> None:
    def numbered(id: str, type_code: str, value: str) -> dict[str, Any]:
        type_ = {"coding": [{"system": TYPES, "code": type_code}, {"code": "local"}]}
        return resource("Patient", id, identifier=[{"type": type_, "system": "urn:s", "value": value}])

    await on.put(
        numbered("mr", "MR", "123"),
        numbered("ss", "SS", "123"),
        resource("Patient", "bare", identifier=[{"value": "123"}]),
    )
    table = {
        f"Patient?identifier:of-type={TYPES}|MR|123": "mr",
        f"Patient?identifier:of-type={TYPES}|SS|123": "ss",
        f"Patient?identifier:of-type={TYPES}|MR|124": "",
        f"Patient?identifier:of-type={TYPES}|MR|123,{TYPES}|SS|123": "mr ss",
        "Patient?identifier:of-type=|local|123": "mr ss",
        "Patient?identifier=123": "bare mr ss",
    }
    assert await found(on, table) == table


@pytest.mark.parametrize("value", ["MR|123", f"{TYPES}|MR", f"{TYPES}|MR|", f"{TYPES}||123", "a|b|c|d"])
def test_a_typed_identifier_has_three_parts(value: str) -> None:
    said = "value: Parameter identifier:of-type: an identifier of a type is written as system|code|value"
    assert refusal("Patient", "identifier:of-type", value).startswith(said)


async def test_urls_lie_above_and_below_one_another(on: Shelf) -> None:
    await on.put(
        resource("Questionnaire", "root", url="http://a.org/fhir"),
        resource("Questionnaire", "slash", url="http://a.org/fhir/"),
        resource("Questionnaire", "q", url="http://a.org/fhir/Questionnaire/q", version="2"),
        resource("Questionnaire", "other", url="http://b.org/fhir/Questionnaire/q"),
    )
    table = {
        "Questionnaire?url:below=http://a.org/fhir/": "q slash",
        "Questionnaire?url:below=http://a.org/": "q root slash",
        "Questionnaire?url:above=http://a.org/fhir/Questionnaire/q/_history/5": "q root slash",
        "Questionnaire?url:above=http://a.org/fhir": "root slash",
        "Questionnaire?url=http://a.org/fhir/Questionnaire/q": "q",
        "Questionnaire?url=http://a.org/fhir/Questionnaire/q|2": "q",
        "Questionnaire?url=http://a.org/fhir/Questionnaire/q|3": "",
    }
    assert await found(on, table) == table


@pytest.mark.parametrize("modifier", ["above", "below"])
def test_urns_have_no_hierarchy(modifier: str) -> None:
    said = f"value: Parameter url:{modifier}: URNs have no hierarchy; only URLs are above or below one another"
    assert refusal("Questionnaire", f"url:{modifier}", "urn:oid:1.2.3") == said


async def test_a_logical_reference_is_found_by_its_identifier(on: Shelf) -> None:
    await on.put(
        resource("Observation", "sys", subject={"identifier": {"system": "urn:mrn", "value": "7"}}),
        resource("Observation", "bare", subject={"identifier": {"value": "7"}}),
        resource("Observation", "literal", subject={"reference": "Patient/7"}),
    )
    table = {
        "Observation?subject:identifier=urn:mrn|7": "sys",
        "Observation?subject:identifier=7": "bare sys",
        "Observation?subject:identifier=|7": "bare",
        "Observation?subject:identifier=urn:mrn|": "sys",
        "Observation?subject:identifier=8": "",
        "Observation?subject=Patient/7": "literal",
        "Observation?subject:Patient=7": "literal",
        "Observation?subject:missing=false": "bare literal sys",
    }
    assert await found(on, table) == table


@pytest.mark.parametrize("modifier", ["above", "below"])
def test_hierarchies_of_references_are_refused(modifier: str) -> None:
    assert refusal("Location", f"partof:{modifier}", "Location/1").startswith("not-supported: Parameter partof has no")


async def test_a_canonical_reference_is_found_and_followed_by_its_version(on: Shelf) -> None:
    url = "http://x.org/Questionnaire/q"
    await on.put(
        resource("Questionnaire", "q1", url=url, version="1", title="First"),
        resource("Questionnaire", "q2", url=url, version="2", title="Second"),
        resource("QuestionnaireResponse", "of1", questionnaire=f"{url}|1"),
        resource("QuestionnaireResponse", "of2", questionnaire=f"{url}|2"),
        resource("QuestionnaireResponse", "any", questionnaire=url),
        resource("QuestionnaireResponse", "here", questionnaire="http://here/fhir/Questionnaire/q2"),
    )
    table = {
        f"QuestionnaireResponse?questionnaire={url}": "any of1 of2",
        f"QuestionnaireResponse?questionnaire={url}|2": "of2",
        "QuestionnaireResponse?questionnaire=Questionnaire/q2": "here",
        "QuestionnaireResponse?questionnaire.title=first": "any of1",
        "QuestionnaireResponse?questionnaire:Questionnaire.title=second": "any here of2",
        "QuestionnaireResponse?questionnaire.title=third": "",
        "Questionnaire?_has:QuestionnaireResponse:questionnaire:_id=of1": "q1",
        "Questionnaire?_has:QuestionnaireResponse:questionnaire:_id=any": "q1 q2",
        "Questionnaire?_has:QuestionnaireResponse:questionnaire:_id=here": "q2",
    }
    assert await found(on, table) == table


@pytest.mark.parametrize(
    ("type_name", "name"),
    [
        ("Patient", "birthdate:exact"),
        ("Patient", "birthdate:not"),
        ("Patient", "name:text"),
        ("Patient", "gender:of-type"),
        ("Patient", "gender:text"),
        ("Patient", "active:text"),
        ("Patient", "organization:in"),
        ("RiskAssessment", "probability:missingly"),
        ("Observation", "value-quantity:below"),
        ("Observation", "code-value-quantity:not"),
        ("Questionnaire", "url:contains"),
        ("Patient", "_lastUpdated:above"),
        ("Patient", "_id:exact"),
    ],
)
def test_a_modifier_of_another_type_of_parameter_is_refused(type_name: str, name: str) -> None:
    assert refusal(type_name, name, "2020").startswith("not-supported: ")
