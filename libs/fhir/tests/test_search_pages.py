"""Pages of a search: links to walk by, forwards and backwards, through what others are changing. On both databases."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest

from bedside.fhir.rest.page_links import ADDRESS_CHARACTERS_MAX
from bedside.fhir.rest.testing import BASE, Served
from bedside.fhir.search.query import COUNT_MAX

FORM = {"content-type": "application/x-www-form-urlencoded"}


def patient(id: str, family: str = "x") -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, "name": [{"family": family}]}


async def given(server: Served, *resources: dict[str, Any]) -> None:
    for start in range(0, len(resources), 200):
        entries = [
            {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
            for each in resources[start : start + 200]
        ]
        response = await server.bundle("transaction", *entries)
        assert response.status_code == 200, response.text


async def page(server: Served, address: str, **headers: str) -> dict[str, Any]:
    response = await server.http.get(f"/fhir{address.removeprefix(BASE)}", headers=headers)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def links(bundle: dict[str, Any]) -> dict[str, str]:
    return {link["relation"]: link["url"] for link in bundle["link"]}


def ids(bundle: dict[str, Any]) -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", [])]


async def pages(server: Served, address: str, relation: str = "next") -> AsyncIterator[dict[str, Any]]:
    for _ in range(100):
        shown = await page(server, address)
        yield shown
        if relation not in links(shown):
            return
        address = links(shown)[relation]
    pytest.fail("the pages do not end")


@pytest.mark.parametrize("sort", ["", "&_sort=family,-_id", "&_sort=-family", "&_sort=-_lastUpdated", "&name=x"])
async def test_pages_lead_forwards_backwards_and_to_the_first(server: Served, sort: str) -> None:
    await given(server, *(patient(f"p{number}", f"x{number % 3}") for number in range(7)))
    whole = ids(await page(server, f"/Patient?_count=50{sort}"))
    forwards = [shown async for shown in pages(server, f"/Patient?_count=3{sort}")]
    assert [ids(shown) for shown in forwards] == [whole[0:3], whole[3:6], whole[6:7]]
    assert [sorted(links(shown)) for shown in forwards] == [
        ["first", "next", "self"],
        ["first", "next", "previous", "self"],
        ["first", "previous", "self"],
    ]
    backwards = [shown async for shown in pages(server, links(forwards[2])["self"], "previous")]
    assert [ids(shown) for shown in backwards] == [whole[6:7], whole[3:6], whole[0:3]]
    assert ids(await page(server, links(backwards[2])["next"])) == whole[3:6]
    assert ids(await page(server, links(forwards[2])["first"])) == whole[0:3]


async def test_one_page_has_no_others_around_it(server: Served) -> None:
    await given(server, patient("p1"))
    assert links(await page(server, "/Patient?_count=1")) == {"self": f"{BASE}/Patient?_count=1"}
    assert links(await page(server, "/Patient?_count=1&name=nobody")) == {
        "self": f"{BASE}/Patient?_count=1&name=nobody"
    }


@pytest.mark.parametrize("sort", ["", "&_sort=family,_id", "&name=x"])
async def test_pages_show_each_resource_once_as_it_was_while_others_write(server: Served, sort: str) -> None:
    await given(server, *(patient(f"p{number:03}", f"x{number % 7}") for number in range(60)))
    expected = ids(await page(server, f"/Patient?_count=100{sort}"))
    stop = asyncio.Event()

    async def disturb(offset: int) -> None:
        number = offset
        while not stop.is_set():
            number = (number + 7) % 60
            await server.http.put(f"/fhir/Patient/p{number:03}", json=patient(f"p{number:03}", f"x{number}{offset}"))
            await server.http.delete(f"/fhir/Patient/p{(number * 11 + offset) % 60:03}")
            await server.http.post("/fhir/Patient", json={"resourceType": "Patient", "name": [{"family": "x0"}]})

    first = await page(server, f"/Patient?_count=7{sort}")
    writers = [asyncio.create_task(disturb(offset)) for offset in range(3)]
    walked, versions = ids(first), []
    async for shown in pages(server, links(first)["next"]):
        walked += ids(shown)
        versions += [entry["resource"]["meta"]["versionId"] for entry in shown["entry"]]
    stop.set()
    await asyncio.gather(*writers)
    assert walked == expected
    assert set(versions) == {"1"}
    now = ids(await page(server, f"/Patient?_count=500{sort}"))
    assert now != expected


async def test_a_search_too_long_for_an_address_goes_on_by_a_link_that_carries_it(server: Served) -> None:
    await given(server, *(patient(str(UUID(int=number))) for number in range(5)))
    wanted = ",".join(str(UUID(int=number)) for number in range(400))
    form = urlencode({"_id": wanted, "_count": "2", "_elements": "id"})
    posted = await server.http.post("/fhir/Patient/_search", content=form, headers=FORM)
    following = links(posted.json())["next"]
    assert len(following) < ADDRESS_CHARACTERS_MAX * 4
    assert not any("_id=" in address for relation, address in links(posted.json()).items() if relation != "self")
    rest = [ids(shown) async for shown in pages(server, following)]
    assert [ids(posted.json()), *rest] == [[str(UUID(int=n)) for n in few] for few in ((4, 3), (2, 1), (0,))]
    other = server.as_caller("system/*.rs", sub="other")
    assert (await server.http.get(following.replace(BASE, "/fhir"), headers=other)).status_code == 400
    everywhere = urlencode({"_id": wanted, "_count": "2", "_type": "Patient,Encounter"})
    system = (await server.http.post("/fhir/_search", content=everywhere, headers=FORM)).json()
    assert ids(await page(server, links(system)["next"])) == [str(UUID(int=number)) for number in (2, 1)]


async def test_self_shows_what_was_applied(server: Served) -> None:
    table = {
        "/Patient?_count=999999&_format=json&_pretty=true": f"/Patient?_count={COUNT_MAX}",
        "/Patient?name:exact=a&xyzzy=1&_filter=a": "/Patient?name:exact=a",
        "?_type=Encounter,Patient,Patient&_id=a": "?_type=Encounter,Patient&_id=a",
        "/Patient/p1/Observation?code=a|b": "/Patient/p1/Observation?code=a|b",
        "/Patient/p1/*": "/Patient/p1/*",
    }
    for asked, applied in table.items():
        assert links(await page(server, asked, prefer="handling=lenient"))["self"] == f"{BASE}{applied}", asked


@pytest.mark.parametrize(
    "token", ["", "x", ".", ".x", "A" * 5000, "." + "A" * 50000, "%00", "%ff", "é", "a=b", "..", ".é"]
)
async def test_a_malformed_page_is_refused(server: Served, token: str) -> None:
    for address in (f"/fhir/Patient?_page={token}", f"/fhir?_page={token}", f"/fhir/Patient?_sort=_id&_page={token}"):
        response = await server.http.get(address)
        assert (response.status_code, response.json()["resourceType"]) == (400, "OperationOutcome"), address


async def test_parameters_that_are_not_supported_are_said_to_be(server: Served) -> None:
    for name in ("_contained", "_containedType", "_filter", "_query", "_score"):
        response = await server.http.get(f"/fhir/Patient?{name}=true")
        [issue] = response.json()["issue"]
        assert (response.status_code, issue["code"]) == (400, "not-supported")
        assert issue["details"]["text"].startswith(f"Parameter {name} is not supported")


async def test_an_estimate_is_exact_when_small_and_near_when_large(server: Served) -> None:
    await given(server, *(patient(f"p{number}", "x" if number % 2 else "y") for number in range(2600)))

    async def total(query: str) -> int | None:
        return (await page(server, f"/Patient?{query}")).get("total")

    assert await total("_count=1") is None
    assert await total("_count=1&_total=none") is None
    assert await total("_count=0&_id=p1,p2&_total=estimate") == 2
    assert await total("_summary=count&_total=accurate") == 2600
    assert await total("_count=1&name=x&_total=accurate") == 1300
    for query, true in {
        "_count=0": 2600,
        "_count=1": 2600,
        "_count=3&name=x": 1300,
        "_count=2&_sort=_id": 2600,
    }.items():
        found = await total(f"{query}&_total=estimate")
        assert found is not None
        assert abs(found - true) < true * 0.05, query
