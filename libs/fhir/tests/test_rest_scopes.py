"""Closed by default: what no scope permits is refused, and what is another patient's is not there."""

from typing import Any

import pytest

from bedside.fhir.rest.testing import Served

MINE = {"resourceType": "Patient", "id": "mine"}
OTHER = {"resourceType": "Patient", "id": "other"}


def observation(id: str, of: str) -> dict[str, Any]:
    subject = {"reference": f"Patient/{of}"}
    return {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"}, "subject": subject}


async def given(server: Served, *resources: dict[str, Any]) -> None:
    for resource in resources:
        response = await server.http.put(f"/fhir/{resource['resourceType']}/{resource['id']}", json=resource)
        assert response.status_code in (200, 201), response.text


async def test_every_route_but_the_capabilities_asks_who_calls(server: Served) -> None:
    asked: dict[str, int] = {}
    for route in server.app.routes:
        for method in sorted(route.methods):
            address = route.path.replace("{type_name}", "Patient").replace("{id}", "p1").replace("{version}", "1")
            response = await server.http.request(method, address, headers={"authorization": ""})
            asked[f"{method} {route.path}"] = response.status_code
    opened = {route for route, status in asked.items() if status != 401}
    assert opened == {"GET /fhir/metadata", "HEAD /fhir/metadata"}
    assert len(asked) > 10


async def test_without_a_token_the_challenge_names_no_error_and_with_a_bad_one_it_does(server: Served) -> None:
    absent = await server.http.get("/fhir/Patient/p1", headers={"authorization": ""})
    bad = await server.http.get("/fhir/Patient/p1", headers={"authorization": "Bearer a.b.c"})
    assert absent.headers["www-authenticate"] == 'Bearer realm="fhir"'
    assert bad.headers["www-authenticate"] == 'Bearer realm="fhir", error="invalid_token"'


@pytest.mark.parametrize(
    ("scope", "method", "address", "status"),
    [
        ("system/Patient.r", "GET", "/fhir/Patient/mine", 200),
        ("system/Patient.s", "GET", "/fhir/Patient/mine", 403),
        ("system/Patient.r", "GET", "/fhir/Patient", 403),
        ("system/Patient.s", "GET", "/fhir/Patient", 200),
        ("system/Observation.cruds", "GET", "/fhir/Patient/mine", 403),
        ("system/Patient.r", "GET", "/fhir/Patient/mine/_history", 200),
        ("system/Patient.rs", "DELETE", "/fhir/Patient/mine", 403),
        ("system/Patient.rs", "PUT", "/fhir/Patient/mine", 403),
        ("system/Patient.rs", "POST", "/fhir/Patient", 403),
        ("openid", "GET", "/fhir/Patient/mine", 403),
    ],
)
async def test_a_scope_permits_what_it_says(server: Served, scope: str, method: str, address: str, status: int) -> None:
    await given(server, MINE)
    body = MINE if method in ("PUT", "POST") else None
    response = await server.http.request(method, address, json=body, headers=server.as_caller(scope))
    assert response.status_code == status


async def test_an_app_of_one_patient_sees_no_other(server: Served) -> None:
    await given(server, MINE, OTHER, observation("o1", "mine"), observation("o2", "other"))
    caller = server.as_caller("patient/*.rs", patient="mine", roles=["patient"])
    seen = {}
    for address in ("Patient/mine", "Patient/other", "Observation/o1", "Observation/o2", "Observation/o2/_history/1",
                    "Observation/o2/_history"):  # fmt: skip
        seen[address] = (await server.http.get(f"/fhir/{address}", headers=caller)).status_code
    assert seen == {
        "Patient/mine": 200,
        "Patient/other": 404,
        "Observation/o1": 200,
        "Observation/o2": 404,
        "Observation/o2/_history/1": 404,
        "Observation/o2/_history": 404,
    }


async def test_an_app_of_one_patient_finds_no_other(server: Served) -> None:
    await given(server, MINE, OTHER, observation("o1", "mine"), observation("o2", "other"))
    caller = server.as_caller("patient/*.rs", patient="mine", roles=["patient"])
    found = (await server.http.get("/fhir/Observation?_total=accurate", headers=caller)).json()
    assert ([e["resource"]["id"] for e in found["entry"]], found["total"]) == (["o1"], 1)


async def test_each_entry_of_a_bundle_needs_its_own_scope(server: Served) -> None:
    entries = (
        {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
        {
            "resource": {"resourceType": "Organization", "name": "x"},
            "request": {"method": "POST", "url": "Organization"},
        },
    )
    caller = server.as_caller("system/Patient.c")
    refused = await server.bundle("transaction", *entries, **caller)
    assert refused.status_code == 403
    assert refused.json()["issue"][0]["expression"] == ["Bundle.entry[1]"]
    each = (await server.bundle("batch", *entries, **caller)).json()["entry"]
    assert [entry["response"]["status"] for entry in each] == ["201 Created", "403 Forbidden"]


async def test_a_chain_does_not_lead_into_a_type_that_may_not_be_searched(server: Served) -> None:
    await given(server, MINE, observation("o1", "mine"))
    caller = server.as_caller("system/Observation.rs")
    response = await server.http.get("/fhir/Observation?subject:Patient.name=x", headers=caller)
    assert response.status_code in (400, 403)


async def test_an_included_type_needs_its_own_scope(server: Served) -> None:
    await given(server, MINE, observation("o1", "mine"))
    address = "/fhir/Observation?_include=Observation:subject"
    narrow = (await server.http.get(address, headers=server.as_caller("system/Observation.rs"))).json()
    wide = (await server.http.get(address)).json()
    assert [e["search"]["mode"] for e in narrow["entry"]] == ["match"]
    assert [e["search"]["mode"] for e in wide["entry"]] == ["match", "include"]
