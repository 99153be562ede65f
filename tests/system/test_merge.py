"""One patient was two: what the other services do about it, by the fact that patients tells."""

import time
import uuid
from typing import Any

import pytest

from tests.system.access import Access


@pytest.fixture(params=["embedded", pytest.param("servers", marks=pytest.mark.servers)])
def access(request: pytest.FixtureRequest) -> Access:
    platform = request.getfixturevalue({"embedded": "platform", "servers": "platform_on_servers"}[request.param])
    return Access(platform.demo)


def observation(id_: str, subject: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"text": "a thing seen"},
        "subject": {"reference": subject},
    }


def test_a_merge_moves_the_retired_patients_records_to_the_survivor(access: Access) -> None:
    mark = uuid.uuid4().hex[:8]
    retired, survivor = f"retired-{mark}", f"survivor-{mark}"
    with access.fhir(access.client_token()) as fhir:
        for id_ in (retired, survivor):
            fhir.put(f"Patient/{id_}", json={"resourceType": "Patient", "id": id_}).raise_for_status()
        fhir.put(f"Observation/o-{mark}", json=observation(f"o-{mark}", f"Patient/{retired}")).raise_for_status()

        merged = {
            "resourceType": "Patient",
            "id": retired,
            "active": False,
            "link": [{"type": "replaced-by", "other": {"reference": f"Patient/{survivor}"}}],
        }
        fhir.put(f"Patient/{retired}", json=merged).raise_for_status()

        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            moved = fhir.get(f"Observation/o-{mark}").json()
            if moved["subject"]["reference"] == f"Patient/{survivor}":
                break
            time.sleep(0.1)
        assert moved["subject"]["reference"] == f"Patient/{survivor}"
        assert moved["meta"]["versionId"] == "2"

        late = fhir.put(f"Observation/late-{mark}", json=observation(f"late-{mark}", f"Patient/{retired}"))
        assert late.status_code == 422
        assert survivor in late.text


def parameters(**given: Any) -> dict[str, Any]:
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name.replace("_", "-"), **value} for name, value in given.items()],
    }


def test_a_merge_is_previewed_made_and_undone(access: Access) -> None:
    mark = uuid.uuid4().hex[:8]
    source, target = f"source-{mark}", f"target-{mark}"
    both = {
        "source_patient": {"valueReference": {"reference": f"Patient/{source}"}},
        "target_patient": {"valueReference": {"reference": f"Patient/{target}"}},
    }
    with access.fhir(access.client_token()) as fhir:
        for id_ in (source, target):
            fhir.put(f"Patient/{id_}", json={"resourceType": "Patient", "id": id_}).raise_for_status()
        for place in ("a", "b"):
            made = observation(f"{place}-{mark}", f"Patient/{source}")
            fhir.put(f"Observation/{place}-{mark}", json=made).raise_for_status()

        preview = fhir.post("Patient/$merge", json=parameters(**both, preview={"valueBoolean": True})).json()
        counted = [part["part"] for part in preview["parameter"] if part["name"] == "would-change"]
        assert counted == [[{"name": "type", "valueCode": "Observation"}, {"name": "count", "valueUnsignedInt": 2}]]
        assert fhir.get(f"Patient/{source}").json()["meta"]["versionId"] == "1"

        fhir.post("Patient/$merge", json=parameters(**both)).raise_for_status()
        assert arrived(fhir, f"a-{mark}", f"Patient/{target}")["meta"]["versionId"] == "2"
        changed = observation(f"b-{mark}", f"Patient/{target}") | {"status": "amended"}
        fhir.put(f"Observation/b-{mark}", json=changed).raise_for_status()

        fhir.post("Patient/$unmerge", json=parameters(**both)).raise_for_status()
        assert arrived(fhir, f"a-{mark}", f"Patient/{source}")["meta"]["versionId"] == "3"
        assert arrived(fhir, f"b-{mark}", f"Patient/{source}")["status"] == "amended"
        late = fhir.put(f"Observation/late-{mark}", json=observation(f"late-{mark}", f"Patient/{source}"))
        assert late.status_code == 201


def arrived(fhir: Any, id_: str, subject: str) -> dict[str, Any]:
    """The observation, once it is the subject's: the fact of a merge takes a moment."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        found: dict[str, Any] = fhir.get(f"Observation/{id_}").json()
        if found["subject"]["reference"] == subject:
            return found
        time.sleep(0.1)
    raise AssertionError(f"Observation/{id_} did not come to {subject}")
