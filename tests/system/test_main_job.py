"""The main job, end to end: an integrator's bundles go in, a physician reads the chart, a clerk the card."""

import collections
import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.system.access import Access

EXAMPLES = Path(__file__).parents[2] / "gateway" / "tests" / "examples"
SYNTHEA = Path(__file__).parents[3] / "shared" / "data" / "synthea"
THEN = "2026-06-15T10:00:00+01:00"


def exact(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal)


@pytest.fixture(params=["embedded", pytest.param("servers", marks=pytest.mark.servers)])
def access(request: pytest.FixtureRequest) -> Access:
    """The embedded default, and PostgreSQL with RabbitMQ: nothing may hold on only one of them."""
    platform = request.getfixturevalue({"embedded": "platform", "servers": "platform_on_servers"}[request.param])
    return Access(platform.demo)


@pytest.mark.parametrize(
    ("role", "path", "expected"),
    [
        ("physician", "patients/p1/chart", "p1-multimorbid/physician-chart"),
        ("frontdesk", "patients/p1/card", "p1-multimorbid/frontdesk-card"),
        ("frontdesk", "patients/p2/card", "p2-child/frontdesk-card"),
    ],
)
def test_a_view_answers_its_example_exactly(access: Access, role: str, path: str, expected: str) -> None:
    shown = access.view(access.user_token(role), f"{role}/{path}", X_Test_Now=THEN)

    assert shown.status_code == 200, shown.text
    body = shown.json()
    assert body.pop("meta")["completeness"] == "complete"
    assert body == json.loads((EXAMPLES / f"{expected}.expected.json").read_text())


def test_a_frontdesk_user_is_refused_the_physicians_chart(access: Access) -> None:
    refused = access.view(access.user_token("frontdesk"), "physician/patients/p1/chart")

    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:problem:not-your-role"


@pytest.mark.slow
@pytest.mark.skipif(not SYNTHEA.exists(), reason="the Synthea bundles lie beside the project, not in it")
def test_every_synthea_resource_goes_in_and_comes_back_as_it_was_sent(access: Access) -> None:
    files = sorted(SYNTHEA.glob("*.json"), key=lambda path: (not path.name.startswith("0-"), path.name))
    sent: collections.Counter[str] = collections.Counter()
    identities: dict[str, str] = {}
    with access.fhir(access.client_token()) as fhir:
        before = _counts(fhir)
        for path in files:
            bundle = exact(path.read_bytes())
            answer = fhir.post("", content=path.read_bytes(), headers={"Content-Type": "application/fhir+json"})
            assert answer.status_code == 200, (path.name, answer.text[:2000])
            responses = answer.json()["entry"]
            refused = [r for r in responses if not r["response"]["status"].startswith("2")]
            assert refused == []
            for entry, response in zip(bundle["entry"], responses, strict=True):
                location = "/".join(response["response"]["location"].split("/_history")[0].rsplit("/", 2)[-2:])
                identities[entry["fullUrl"]] = location
                for known in entry["resource"].get("identifier", []):
                    if isinstance(known, dict) and "system" in known:
                        identifier = f"{known['system']}|{known['value']}"
                        identities[f"{entry['resource']['resourceType']}?identifier={identifier}"] = location
            for entry in bundle["entry"]:
                sent[entry["resource"]["resourceType"]] += 1
                location = identities[entry["fullUrl"]]
                back = exact(fhir.get(location).content)
                assert _comparable(back, {}) == _comparable(entry["resource"], identities), (path.name, location)
        after = _counts(fhir)
    assert {name: after[name] - before.get(name, 0) for name in sent} == dict(sent)


def _counts(fhir: Any) -> dict[str, int]:
    served = [r["type"] for r in fhir.get("metadata").json()["rest"][0]["resource"]]
    # The access log is not for integrators.
    types = [name for name in served if name != "AuditEvent"]
    return {name: fhir.get(name, params={"_summary": "count"}).json()["total"] for name in types}


def _comparable(resource: Any, identities: dict[str, str]) -> Any:
    """Without id and meta's stamps. `identities` says what each `urn:uuid` and conditional reference has become."""
    resource = copy.deepcopy(resource)
    resource.pop("id", None)
    meta = resource.get("meta", {})
    meta.pop("versionId", None)
    meta.pop("lastUpdated", None)
    if not meta:
        resource.pop("meta", None)

    def settle(node: Any) -> Any:
        if isinstance(node, dict):
            reference = node.get("reference")
            if isinstance(reference, str):
                node = {**node, "reference": identities.get(reference, reference)}
            return {key: settle(value) for key, value in node.items()}
        if isinstance(node, list):
            return [settle(value) for value in node]
        return node

    return settle(resource)
