"""A batch over two owners: every entry for itself, answered in request order."""

from typing import Any

from bedside.gateway.federation.testing import GatewayInFront, StandIn


def batch(*requests: tuple[str, str]) -> dict[str, Any]:
    entries = [{"request": {"method": method, "url": url}} for method, url in requests]
    return {"resourceType": "Bundle", "type": "batch", "entry": entries}


async def test_entries_are_answered_in_request_order_each_with_its_own_status() -> None:
    patients, encounters = StandIn("patients"), StandIn("encounters")
    gateway = GatewayInFront(patients, encounters)
    answer = await gateway.ask(
        "POST",
        "",
        batch(
            ("GET", "Observation/o1"),
            ("DELETE", "Patient/p1"),
            ("GET", "Starship/1"),
            ("GET", "Encounter/e1"),
            ("DELETE", "Group"),
        ),
    )
    assert answer.status_code == 200
    bundle = answer.json()
    assert bundle["type"] == "batch-response"
    assert [each["response"]["status"][:3] for each in bundle["entry"]] == ["200", "204", "404", "200", "400"]
    assert [each["request"]["url"] for each in encounters.asked[0].json()["entry"]] == [
        "Observation/o1",
        "Encounter/e1",
    ]
    assert bundle["entry"][2]["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[2].request.url"]


async def test_a_silent_owner_costs_only_its_own_entries() -> None:
    gateway = GatewayInFront(StandIn("patients"), StandIn("encounters"))
    gateway.silence("encounters")
    answer = await gateway.ask("POST", "", batch(("GET", "Observation/o1"), ("GET", "Patient/p1")))
    assert [each["response"]["status"] for each in answer.json()["entry"]] == ["503 Service Unavailable", "200 OK"]


async def test_one_owners_batch_is_handed_over_as_it_came() -> None:
    patients = StandIn("patients")
    gateway = GatewayInFront(patients, StandIn("encounters"))
    body = b'{"resourceType":"Bundle", "type":"batch","entry":[{"request":{"method":"GET","url":"Patient/1"}}]}'
    assert (await gateway.ask("POST", "/", body)).status_code == 200
    assert [each.body for each in patients.asked] == [body]


async def test_an_empty_batch_is_answered_empty() -> None:
    gateway = GatewayInFront(StandIn("patients"), StandIn("encounters"))
    answer = await gateway.ask("POST", "", {"resourceType": "Bundle", "type": "batch"})
    assert (answer.status_code, answer.json()) == (200, {"resourceType": "Bundle", "type": "batch-response"})
