"""Whatever is sent, the answer is one: never a 5xx, always an outcome, and the server alive at the end.

Bounded: so many examples for each kind, the same ones in every run.
"""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.platform import Platform
from tests.system.access import Access
from tests.system.fuzzing import mutilating
from tests.system.fuzzing.described import openapi
from tests.system.fuzzing.mutilating import TEXTS, mutilated

pytestmark = pytest.mark.slow

_FHIR = "application/fhir+json"
_MODIFIERS = [
    "",
    ":exact",
    ":missing",
    ":not",
    ":contains",
    ":Patient",
    ":identifier",
    ":below",
    ":x",
    ":in",
    ".name",
    ":",
]
_BOUNDED: dict[str, Any] = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    # Looking for the smallest example would send hundreds of requests more; the one found is good enough.
    "phases": (Phase.explicit, Phase.generate),
    "suppress_health_check": list(HealthCheck),
}


@pytest.fixture(scope="module", params=["platform", pytest.param("platform_on_servers", marks=pytest.mark.servers)])
def fhir(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """Signed in with every right. At the end the server is asked whether it lives, and what it noted of itself."""
    running: Platform = request.getfixturevalue(request.param)
    access = Access(running.demo)
    with access.fhir(access.client_token()) as client:
        yield client
        assert client.get("Patient/p1").status_code == 200
    for service in ("gateway", "patients", "encounters", "auth"):
        assert httpx.get(f"{running.demo[service]}/health/ready").status_code == 200
    assert "broken_invariant" not in running.log.read_text()


def is_an_answer(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        assert answer.json()["resourceType"] == "OperationOutcome"


_BODIES: list[tuple[str, str, str, Any]] = [
    ("POST", "Patient", _FHIR, mutilating.PATIENT),
    ("PUT", "Patient/fuzz-1", _FHIR, {**mutilating.PATIENT, "id": "fuzz-1"}),
    ("PUT", "Patient?identifier=http://example.org/fuzz|2", _FHIR, mutilating.PATIENT),
    ("POST", "Observation", _FHIR, mutilating.OBSERVATION),
    ("POST", "", _FHIR, mutilating.TRANSACTION),
    ("POST", "", _FHIR, mutilating.BATCH),
    ("PATCH", "Patient/fuzz-1", "application/json-patch+json", mutilating.JSON_PATCH),
    ("PATCH", "Patient/fuzz-1", _FHIR, mutilating.PARAMETERS),
    ("POST", "Patient/$validate", _FHIR, mutilating.PATIENT),
    ("POST", "Patient/$match", _FHIR, mutilating.PATIENT),
]


@pytest.mark.parametrize(("method", "path", "media_type", "good"), _BODIES, ids=[f"{m} {p}" for m, p, _, _ in _BODIES])
def test_a_mutilated_body_is_answered(fhir: httpx.Client, method: str, path: str, media_type: str, good: Any) -> None:
    fhir.put("Patient/fuzz-1", json={**mutilating.PATIENT, "id": "fuzz-1"}, headers={"content-type": _FHIR})

    @settings(max_examples=60, **_BOUNDED)
    @given(mutilated(good))
    def send(body: bytes) -> None:
        is_an_answer(fhir.request(method, path, content=body, headers={"content-type": media_type}))

    send()


@pytest.mark.parametrize("type_name", ["Patient", "Observation", "Encounter", "Location", "List", "MedicationRequest"])
def test_a_search_of_anything_is_answered(fhir: httpx.Client, type_name: str) -> None:
    statement = fhir.get("metadata").json()
    resource = next(each for each in statement["rest"][0]["resource"] if each["type"] == type_name)
    names = [each["name"] for each in resource["searchParam"]]
    shaping = [
        "_sort",
        "_count",
        "_include",
        "_revinclude",
        "_summary",
        "_elements",
        "_total",
        "_page",
        "_has:x",
        "_asOf",
    ]
    name = st.builds(str.__add__, st.sampled_from(names + shaping), st.sampled_from(_MODIFIERS))
    value = st.builds("".join, st.lists(st.one_of(TEXTS, st.sampled_from(["gt", "ne", "p1", "2026", ","])), max_size=3))

    @settings(max_examples=120, **_BOUNDED)
    @given(st.lists(st.tuples(name, value), min_size=1, max_size=3))
    def search(pairs: list[tuple[str, str]]) -> None:
        encoded = [(key, text.encode("utf-8", "surrogatepass")) for key, text in pairs]
        is_an_answer(fhir.get(type_name, params=encoded))  # type: ignore[arg-type]

    search()


def test_requests_generated_from_the_description_are_answered(fhir: httpx.Client) -> None:
    described = openapi(fhir.get("metadata").json())
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(described)))
    operations = [each.ok() for each in schema.get_all_operations()]
    assert len(operations) > 40

    for operation in operations:

        @settings(max_examples=8, **_BOUNDED)
        @given(case=operation.as_strategy())
        def send(case: schemathesis.Case) -> None:
            is_an_answer(_carried_out(fhir, case))

        send()


def _carried_out(fhir: httpx.Client, case: schemathesis.Case) -> httpx.Response:
    """What schemathesis made, sent by our own client: it holds the token, and stays on loopback."""
    made = case.as_transport_kwargs(base_url=str(fhir.base_url).rstrip("/"))
    headers = {name: str(value).encode("utf-8", "replace") for name, value in (made.get("headers") or {}).items()}
    request = httpx.Request(
        made["method"],
        made["url"],
        params=made.get("params"),
        headers={**headers, "authorization": fhir.headers["authorization"]},
        json=made.get("json"),
        data=made.get("data") if isinstance(made.get("data"), dict) else None,
        content=made.get("data") if isinstance(made.get("data"), bytes | str) else None,
    )
    return fhir.send(request)
