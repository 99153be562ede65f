"""Chains and `_has` end in any parameter, with its modifiers, prefixes and lists. On both databases."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bedside.fhir.search.testing import Shelf, shelf

UCUM = "http://unitsofmeasure.org"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    async with shelf(request.param, tmp_path) as empty:
        yield empty


def resource(type_name: str, id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": type_name, "id": id, **elements}


def to(reference: str) -> dict[str, str]:
    return {"reference": reference}


async def ward(on: Shelf) -> None:
    weight = {"value": 80, "system": UCUM, "code": "kg", "unit": "kg"}
    await on.put(
        resource("Organization", "trust", name="Leeds Trust"),
        resource("Organization", "ward", name="Ward 7", partOf=to("Organization/trust")),
        resource(
            "Patient",
            "ann",
            name=[{"family": "Okafor"}],
            gender="female",
            birthDate="1954-11-02",
            identifier=[{"system": "urn:mrn", "value": "7"}],
            managingOrganization=to("Organization/ward"),
        ),
    )
    await on.put(resource("Patient", "bob", name=[{"family": "Okafor-Bell"}]))
    await on.put(
        resource(
            "Observation",
            "weight",
            subject=to("Patient/ann"),
            code={"coding": [{"system": "urn:c", "code": "w", "display": "Body weight"}]},
            valueQuantity=weight,
            encounter=to("Encounter/e"),
        ),
        resource("Observation", "bobs", subject=to("Patient/bob"), note=[{"text": "Declined"}]),
        resource("Encounter", "e", subject=to("Patient/ann"), status="finished"),
        resource("DiagnosticReport", "report", result=[to("Observation/weight")], subject=to("Patient/ann")),
    )


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ("Observation?subject:Patient.identifier=urn:mrn|7", "weight"),
        ("Observation?subject:Patient.name=okafor", "bobs weight"),
        ("Observation?subject:Patient.family:exact=Okafor", "weight"),
        ("Observation?subject:Patient.name:contains=bell", "bobs"),
        ("Observation?patient.gender:not=female", "bobs"),
        ("Observation?patient.gender:missing=true", "bobs"),
        ("Observation?patient.birthdate=lt1960,gt2000", "weight"),
        ("Observation?patient._id=ann,nobody", "weight"),
        ("Observation?patient:Patient._id:not=ann", "bobs"),
        ("Observation?patient._lastUpdated=gt2023-11-14T22:13:21Z", "bobs"),
        ("Observation?patient.phonetic=okaffor", "bobs weight"),
        ("Observation?patient._content=okafor", "bobs weight"),
        ("Observation?patient.organization.partof.name=leeds", "weight"),
        ("Observation?patient.organization:Organization.partof:Organization.name:exact=Leeds Trust", "weight"),
        ("Observation?patient.organization=ward", "weight"),
        ("Observation?patient.name=okafor&patient.gender=female", "weight"),
        ("Observation?encounter.patient.family=okafor", "weight"),
        (f"DiagnosticReport?result.code-value-quantity=w$gt79000|{UCUM}|g", "report"),
        (f"DiagnosticReport?result.code-value-quantity=w$gt81|{UCUM}|kg", ""),
        ("DiagnosticReport?result.code:text=weight", "report"),
        ("Patient?_has:Observation:patient:code=urn:c|w", "ann"),
        ("Patient?_has:Observation:patient:code:not=urn:c|w", "bob"),
        ("Patient?_has:Observation:patient:code:text=body", "ann"),
        (f"Patient?_has:Observation:patient:value-quantity=ge80000|{UCUM}|g", "ann"),
        (f"Patient?_has:Observation:patient:code-value-quantity=w$80|{UCUM}|kg", "ann"),
        ("Patient?_has:Observation:patient:_content=declined", "bob"),
        ("Patient?_has:Observation:patient:_id=weight,bobs", "ann bob"),
        ("Patient?_has:Observation:patient:_has:DiagnosticReport:result:_id=report", "ann"),
        ("Patient?_has:Observation:patient:encounter.status=finished", "ann"),
        ("Organization?_has:Patient:organization:_has:Observation:patient:code=w", "ward"),
        ("Organization?_has:Organization:partof:_has:Patient:organization:_has:Observation:patient:code=w", "trust"),
        ("Observation?patient._has:Encounter:patient:status=finished", "weight"),
    ],
)
async def test_a_chain_ends_in_any_parameter(on: Shelf, asked: str, ids: str) -> None:
    await ward(on)
    type_name, _, criteria = asked.partition("?")
    assert " ".join(sorted(await on.found(f"{type_name}?{quote(criteria, safe='=&')}"))) == ids
