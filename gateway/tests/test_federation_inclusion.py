"""Searches whose results lead to another owner's resources."""

from typing import Any
from urllib.parse import parse_qs

import pytest

from bedside.gateway.federation.inclusion import INCLUDED_MAX
from bedside.gateway.federation.testing import PUBLIC, Asked, GatewayInFront, Reply, StandIn


def searchset(*resources: dict[str, Any], after: str | None = None, self_url: str = "") -> dict[str, Any]:
    entries = [{"fullUrl": f"{PUBLIC}/{each['resourceType']}/{each['id']}", "resource": each} for each in resources]
    links = [{"relation": "self", "url": self_url or f"{PUBLIC}/X"}]
    if after:
        links.append({"relation": "next", "url": after})
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": links,
        "entry": [{**each, "search": {"mode": "match"}} for each in entries],
    }


def observation(name: str, patient: str) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": name, "subject": {"reference": f"Patient/{patient}"}}


class Chart:
    """Owners that answer searches from a few resources, by `_id` or by `subject`."""

    def __init__(self, *resources: dict[str, Any], page: int = 1000) -> None:
        self.resources = resources
        self.page = page

    def __call__(self, asked: Asked) -> Reply:
        type_name = asked.path.partition("/")[0].partition("?")[0]
        asked_for = parse_qs(asked.body.decode() or asked.path.partition("?")[2])
        found = [each for each in self.resources if each["resourceType"] == type_name and _matches(each, asked_for)]
        start = int(asked_for.get("_page", ["0"])[0])
        more = start + self.page < len(found)
        after = f"{PUBLIC}/{type_name}?_page={start + self.page}" if more else None
        return 200, {}, searchset(*found[start : start + self.page], after=after)


def _matches(resource: dict[str, Any], asked_for: dict[str, list[str]]) -> bool:
    ids = asked_for.get("_id")
    subjects = asked_for.get("subject")
    return (ids is None or resource["id"] in ids[0].split(",")) and (
        subjects is None or resource["subject"]["reference"] in subjects[0].split(",")
    )


PEOPLE = [{"resourceType": "Patient", "id": name, "multipleBirthInteger": 1} for name in ("p1", "p2")]
RESULTS = [observation("o1", "p1"), observation("o2", "p2"), observation("o3", "p1")]


@pytest.fixture
def patients() -> StandIn:
    return StandIn("patients", Chart(*PEOPLE))


@pytest.fixture
def encounters() -> StandIn:
    return StandIn("encounters", Chart(*RESULTS))


@pytest.fixture
def gateway(patients: StandIn, encounters: StandIn) -> GatewayInFront:
    return GatewayInFront(patients, encounters)


def shown(bundle: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (each["search"]["mode"], f"{each['resource']['resourceType']}/{each['resource']['id']}")
        for each in bundle["entry"]
    ]


async def test_an_include_of_another_owners_type_is_fetched_there(
    gateway: GatewayInFront, patients: StandIn, encounters: StandIn
) -> None:
    answer = await gateway.ask("GET", "/Observation?code=1&_include=Observation:patient")
    assert answer.status_code == 200
    assert sorted(shown(answer.json())) == [
        ("include", "Patient/p1"),
        ("include", "Patient/p2"),
        ("match", "Observation/o1"),
        ("match", "Observation/o2"),
        ("match", "Observation/o3"),
    ]
    assert encounters.asked[0].path == "Observation?code=1"
    assert len(patients.asked) == 1


async def test_an_include_whose_targets_have_two_owners_is_asked_of_both(
    gateway: GatewayInFront, patients: StandIn, encounters: StandIn
) -> None:
    await gateway.ask("GET", "/Observation?_include=Observation:subject")
    assert encounters.asked[0].path == "Observation?_include=Observation%3Asubject"
    assert patients.asked


async def test_a_star_includes_whatever_the_type_refers_to(gateway: GatewayInFront) -> None:
    answer = await gateway.ask("GET", "/Observation?_id=o2&_include=*")
    assert shown(answer.json()) == [("match", "Observation/o2"), ("include", "Patient/p2")]


async def test_a_reverse_include_of_another_owners_type_is_searched_there(gateway: GatewayInFront) -> None:
    answer = await gateway.ask("GET", "/Patient?_id=p1&_revinclude=Observation:subject")
    assert shown(answer.json()) == [
        ("match", "Patient/p1"),
        ("include", "Observation/o1"),
        ("include", "Observation/o3"),
    ]


async def test_all_pages_of_what_is_included_are_read(gateway: GatewayInFront, encounters: StandIn) -> None:
    encounters.answer = Chart(*RESULTS, page=1)
    answer = await gateway.ask("GET", "/Patient?_id=p1&_revinclude=Observation:subject")
    assert {name for mode, name in shown(answer.json()) if mode == "include"} >= {"Observation/o1", "Observation/o3"}


async def test_links_keep_asking_for_what_the_gateway_brings_along(
    gateway: GatewayInFront, encounters: StandIn
) -> None:
    encounters.answer = lambda asked: (
        200,
        {},
        searchset(RESULTS[0], self_url=f"{PUBLIC}/Observation?code=1", after=f"{PUBLIC}/Observation?_page=t"),
    )
    answer = await gateway.ask("GET", "/Observation?code=1&_include=Observation:patient")
    assert [link["url"] for link in answer.json()["link"]] == [
        f"{PUBLIC}/Observation?code=1&_include=Observation:patient",
        f"{PUBLIC}/Observation?code=1&_include=Observation:patient&_page=t",
    ]


async def test_links_ask_once_for_what_both_bring_along(gateway: GatewayInFront, encounters: StandIn) -> None:
    own = f"{PUBLIC}/Observation?_include=Observation:subject"
    encounters.answer = lambda asked: (200, {}, searchset(RESULTS[0], self_url=own))
    answer = await gateway.ask("GET", "/Observation?_include=Observation:subject")
    assert [link["url"] for link in answer.json()["link"]] == [own]


async def test_a_search_by_post_brings_along_the_same(gateway: GatewayInFront) -> None:
    answer = await gateway.ask(
        "POST",
        "/Observation/_search",
        b"_id=o2&_include=Observation%3Apatient",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert shown(answer.json()) == [("match", "Observation/o2"), ("include", "Patient/p2")]


async def test_a_search_within_one_owner_is_only_handed_on(gateway: GatewayInFront, encounters: StandIn) -> None:
    await gateway.ask("GET", "/Observation?_include=Observation:encounter&code=a%7Cb")
    assert [each.path for each in encounters.asked] == ["Observation?_include=Observation:encounter&code=a%7Cb"]


async def test_a_silent_owner_of_included_resources_is_a_503_and_not_a_smaller_answer(gateway: GatewayInFront) -> None:
    gateway.silence("patients")
    assert (await gateway.ask("GET", "/Observation?_include=Observation:patient")).status_code == 503


async def test_more_than_may_be_brought_along_is_too_costly(gateway: GatewayInFront, encounters: StandIn) -> None:
    encounters.answer = Chart(*(observation(f"o{number}", "p1") for number in range(INCLUDED_MAX + 1)), page=2000)
    answer = await gateway.ask("GET", "/Patient?_id=p1&_revinclude=Observation:subject")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (403, "too-costly")


@pytest.mark.parametrize(
    "query",
    [
        "Observation?_include=Starship:captain",
        "Observation?_include=Observation:colour",
        "Observation?_include=Observation",
        "Observation?_revinclude=*",
    ],
)
async def test_what_cannot_be_asked_across_owners_is_said(gateway: GatewayInFront, query: str) -> None:
    answer = await gateway.ask("GET", f"/{query}")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "not-supported")


async def test_a_batch_may_hold_such_a_search(gateway: GatewayInFront) -> None:
    entries = [
        {"request": {"method": "GET", "url": "Observation?_id=o1&_include=Observation:patient"}},
        {"request": {"method": "GET", "url": "Observation?_include=Starship:captain"}},
    ]
    answer = await gateway.ask("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    found, refused = answer.json()["entry"]
    assert shown(found["resource"]) == [("match", "Observation/o1"), ("include", "Patient/p1")]
    assert refused["response"]["status"] == "400 Bad Request"
