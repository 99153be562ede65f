"""From a resource to what search keeps of it."""

from typing import Any

import pytest

from bedside.fhir.definitions import definitions
from bedside.fhir.search.expressions import compiled
from bedside.fhir.search.hashing import PRESENT, token_hashes
from bedside.fhir.search.indexing import index
from bedside.fhir.search.parameters import parameters


def observation(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": "o1", "status": "final", **elements}


def test_every_expression_of_every_type_compiles() -> None:
    for type_name in definitions().resource_types:
        for parameter in parameters(type_name).values():
            compiled(type_name, parameter.expression, parameter.kind)


@pytest.mark.parametrize(
    ("code", "resource", "values"),
    [
        ("patient", observation(subject={"reference": "Patient/1"}), [{"reference": "Patient/1"}]),
        ("patient", observation(subject={"reference": "Group/1"}), []),
        (
            "patient",
            observation(subject={"reference": "urn:x", "type": "Patient"}),
            [{"reference": "urn:x", "type": "Patient"}],
        ),
        (
            "patient",
            observation(subject={"reference": "#c"}, contained=[{"resourceType": "Patient", "id": "c"}]),
            [{"reference": "#c"}],
        ),
        ("date", observation(effectiveInstant="2020-01-01T00:00:00Z"), ["2020-01-01T00:00:00Z"]),
        ("value-concept", observation(valueQuantity={"value": 1}), []),
        ("value-quantity", observation(valueQuantity={"value": 1}), [{"value": 1}]),
        (
            "component-code",
            observation(component=[{"code": {"text": "a"}}, {"code": {"text": "b"}}]),
            [{"text": "a"}, {"text": "b"}],
        ),
    ],
)
def test_an_expression_finds_what_fhirpath_would(code: str, resource: dict[str, Any], values: list[Any]) -> None:
    parameter = parameters("Observation")[code]
    assert compiled("Observation", parameter.expression, parameter.kind)(resource, resource) == values


def test_a_resource_lies_in_the_compartments_of_the_patients_its_compartment_parameters_name() -> None:
    indexed = index(
        observation(
            subject={"reference": "Patient/p1"},
            performer=[{"reference": "Patient/p2"}],
            focus=[{"reference": "Patient/p3"}],
        )
    )
    assert indexed.patients == {"p1", "p2"}
    assert indexed.references == {"Patient/p1", "Patient/p2", "Patient/p3"}
    assert index({"resourceType": "Patient", "id": "p1"}).patients == {"p1"}


def test_rows_carry_the_version_last_and_each_stands_once() -> None:
    numbers = {"Patient/p1": 7}
    code = {"coding": [{"code": "k"}, {"code": "k"}]}
    rows = index(observation(code=code, subject={"reference": "Patient/p1"})).rows(42, numbers.__getitem__)
    sp = definitions().sp("Observation", "code")
    assert {row for row in rows["ix_token"] if row[0] == sp} == {
        (sp, hash, 42) for hash in (PRESENT, *token_hashes(None, "k"))
    }
    assert {row for row in rows["ix_ptoken"] if row[1] == sp} == {(7, sp, hash, 42) for hash in token_hashes(None, "k")}
    assert rows["compartment"] == [(7, definitions().type_id("Observation"), 42)]
    assert all(len(kept) == len(set(kept)) for kept in rows.values())


def test_a_parameter_that_says_what_others_say_keeps_no_rows_of_its_own() -> None:
    known = parameters("Observation")
    assert known["combo-code"].sps == (*known["code"].sps, *known["component-code"].sps)
    assert not known["combo-code"].is_indexed
