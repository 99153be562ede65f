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
