"""Batches: each entry by itself, with a status of its own."""

from typing import Any

from bedside.fhir.rest.testing import Served


def entry(method: str, url: str, resource: dict[str, Any] | None = None, **request: Any) -> Any:
    made: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    return made if resource is None else {"resource": resource, **made}


def practitioner(value: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Practitioner", "identifier": [{"system": "urn:npi", "value": value}], **elements}


def statuses(response: Any) -> list[str]:
    return [each["response"]["status"][:3] for each in response.json()["entry"]]


async def test_each_entry_has_its_own_status_in_request_order(server: Served) -> None:
    response = await server.bundle(
        "batch",
        entry("POST", "Practitioner", practitioner("1")),
        entry("POST", "Practitioner", practitioner("2", gender="banana")),
        entry("GET", "Practitioner?identifier=urn:npi|1"),
        entry("GET", "Practitioner/nobody"),
        entry("POST", "Nonsense", {"resourceType": "Nonsense"}),
        entry("DELETE", "Practitioner/nobody"),
        entry("PUT", "Practitioner/x", practitioner("3", id="x"), ifMatch='W/"4"'),
        entry("GET", "Practitioner?favourite=blue"),
    )
    assert response.json()["type"] == "batch-response"
    assert statuses(response) == ["201", "400", "200", "404", "404", "204", "412", "400"]
    outcome = response.json()["entry"][1]["response"]["outcome"]
    assert outcome["issue"][0]["expression"] == ["Bundle.entry[1].resource.gender"]


async def test_a_refused_entry_takes_no_other_with_it(server: Served) -> None:
    patients = [
        {"resourceType": "Patient", "managingOrganization": {"reference": f"Organization/{name}"}}
        for name in ("there", "nowhere", "there")
    ]
    await server.http.put("/fhir/Organization/there", json={"resourceType": "Organization", "id": "there", "name": "T"})
    response = await server.bundle("batch", *(entry("POST", "Patient", patient) for patient in patients))
    assert statuses(response) == ["201", "422", "201"]


async def test_a_later_entry_finds_what_an_earlier_one_made(server: Served) -> None:
    response = await server.bundle(
        "batch",
        entry("POST", "Practitioner", practitioner("1"), ifNoneExist="identifier=urn:npi|1"),
        entry("POST", "Practitioner", practitioner("1"), ifNoneExist="identifier=urn:npi|1"),
        entry("PUT", "Practitioner/x", practitioner("2", id="x")),
        entry("PUT", "Practitioner/x", practitioner("2", id="x", gender="male")),
    )
    assert statuses(response) == ["201", "200", "201", "200"]
