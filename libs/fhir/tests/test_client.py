"""The client: pages put together, refusals and silence told apart."""

import httpx
import pytest

from bedside.fhir.client import FhirClient, Refused, Unreachable
from bedside.fhir.rest.testing import ADDRESS, Served


def client(server: Served) -> FhirClient:
    return FhirClient(f"{ADDRESS}/fhir", server.http)


async def test_a_resource_is_read_and_absence_is_none(server: Served) -> None:
    await server.http.put("/fhir/Patient/p1", json={"resourceType": "Patient", "id": "p1"})
    read = await client(server).read("Patient", "p1")
    assert read is not None
    assert read["id"] == "p1"
    assert await client(server).read("Patient", "none") is None


async def test_a_search_brings_all_pages(server: Served) -> None:
    for number in range(7):
        await server.http.put(f"/fhir/Patient/p{number}", json={"resourceType": "Patient", "id": f"p{number}"})
    found = await client(server).search("Patient", [("_count", "3")])
    assert sorted(each["id"] for each in found) == [f"p{number}" for number in range(7)]


async def test_a_refusal_carries_status_and_outcome(server: Served) -> None:
    with pytest.raises(Refused) as caught:
        await client(server).search("Patient", [("favourite", "blue")])
    assert caught.value.status == 400
    assert caught.value.outcome is not None


async def test_a_transaction_is_posted(server: Served) -> None:
    entry = {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}
    answer = await client(server).transaction({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert answer["entry"][0]["response"]["status"] == "201 Created"


async def test_silence_is_unreachable() -> None:
    def silent(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no answer")

    async with httpx.AsyncClient(transport=httpx.MockTransport(silent)) as http:
        with pytest.raises(Unreachable):
            await FhirClient("http://nowhere/fhir", http).read("Patient", "p1")
