"""A token whose scope names a category reads that category alone, through the gateway and every owner behind it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.platform import Platform
from tests.system.access import Access

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
VITALS = f"category={CATEGORY}|vital-signs"


def ids(bundle: dict[str, Any], type_name: str) -> set[str]:
    return {e["resource"]["id"] for e in bundle.get("entry", []) if e["resource"]["resourceType"] == type_name}


@pytest.fixture(scope="module")
def everything(platform: Platform) -> Iterator[httpx.Client]:
    access = Access(platform.demo)
    with access.fhir(access.client_token()) as fhir:
        for id, category in (("narrow-lab", "laboratory"), ("narrow-vital", "vital-signs")):
            resource = {
                "resourceType": "Observation",
                "id": id,
                "status": "final",
                "category": [{"coding": [{"system": CATEGORY, "code": category}]}],
                "code": {"text": "narrowed"},
                "subject": {"reference": "Patient/p1"},
            }
            fhir.put(f"Observation/{id}", json=resource).raise_for_status()
        yield fhir
        for id in ("narrow-lab", "narrow-vital"):
            fhir.delete(f"Observation/{id}").raise_for_status()


@pytest.fixture(scope="module")
def narrowed(platform: Platform, everything: httpx.Client) -> Iterator[httpx.Client]:
    access = Access(platform.demo)
    token = access.user_token("physician", scope=f"openid fhirUser user/Observation.rs?{VITALS} user/Patient.rs")
    with access.fhir(token) as fhir:
        yield fhir


def test_a_search_finds_the_category_alone(everything: httpx.Client, narrowed: httpx.Client) -> None:
    asked = {"patient": "p1", "_total": "accurate", "_count": "500"}
    wanted = everything.get("Observation", params={**asked, "category": f"{CATEGORY}|vital-signs"}).json()
    found = narrowed.get("Observation", params=asked).json()
    assert "narrow-vital" in ids(found, "Observation")
    assert (ids(found, "Observation"), found["total"]) == (ids(wanted, "Observation"), wanted["total"])
    assert everything.get("Observation", params=asked).json()["total"] > found["total"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("Observation/narrow-vital", 200),
        ("Observation/narrow-lab", 404),
        ("Observation/narrow-lab/_history", 404),
        ("Observation/narrow-lab/_history/1", 404),
        ("Patient/p1", 200),
        ("Condition?patient=p1", 403),
    ],
)
def test_what_lies_outside_is_not_there(narrowed: httpx.Client, path: str, status: int) -> None:
    assert narrowed.get(path).status_code == status


@pytest.mark.parametrize("query", ["_revinclude=Observation:subject", "_has:Observation:patient:code:text=narrowed"])
def test_neither_is_it_across_owners(everything: httpx.Client, narrowed: httpx.Client, query: str) -> None:
    everything.delete("Observation/narrow-vital").raise_for_status()
    try:
        answer = narrowed.get(f"Patient?_id=p1&{query}")
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        assert "narrow-lab" not in ids(bundle, "Observation")
        assert ids(bundle, "Patient") == (set() if query.startswith("_has") else {"p1"})
    finally:
        vital = everything.get("Observation/narrow-vital/_history/1").json()
        everything.put("Observation/narrow-vital", json=vital).raise_for_status()


def test_a_narrowed_reader_writes_nothing(narrowed: httpx.Client) -> None:
    vital = narrowed.get("Observation/narrow-vital").json()
    assert narrowed.put("Observation/narrow-vital", json=vital).status_code == 403
