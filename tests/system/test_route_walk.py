"""Every route of every service, walked by everybody: each gets what the declarations and the table of roles say.

The routes come from the app objects and the expectations from what routes declare, so that a new route is walked the
moment it exists, and one that says something new fails until `walk/expecting.py` says what that means.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from bedside.identity.access import WORDS
from bedside.identity.roles import ROLES, ceiling
from bedside.service import SERVICES, ServiceName, Settings
from tests.platform import Platform
from tests.system.access import Access
from tests.system.walk.callers import Walker, Walkers
from tests.system.walk.expecting import OWN_TYPES, Step, as_expected, steps
from tests.system.walk.routes import Walked, every_served_route

pytestmark = pytest.mark.slow
AT_ONCE = 4


@pytest.fixture(scope="module")
def access(platform: Platform) -> Access:
    return Access(platform.demo)


@pytest.fixture(scope="module")
def walkers(platform: Platform, access: Access) -> list[Walker]:
    port = httpx.URL(platform.demo["gateway"]).port
    assert port is not None
    return Walkers(access, Settings(port=port, data_dir=platform.data_dir, demo=True)).all()


@pytest.fixture
async def routes(tmp_path: Path) -> tuple[Walked, ...]:
    return await every_served_route(tmp_path)


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as client:
        yield client


@pytest.mark.parametrize("service", SERVICES)
def test_everybody_gets_at_every_route_what_the_roles_say(
    service: ServiceName, routes: tuple[Walked, ...], walkers: list[Walker], access: Access, http: httpx.Client
) -> None:
    walked = [step for route in routes if route.service == service for step in steps(route)]
    assert len(walked) > 15

    def answered(step: Step, walker: Walker) -> str | None:
        status = _ask(http, access.demo[service], step, walker)
        if as_expected(step, walker, status):
            return None
        return f"{walker.name}: {step.route.method} {step.path} ({step.route.access}) was answered with {status}"

    pairs = [(step, walker) for step in walked for walker in walkers]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        wrong = [found for found in threads.map(lambda pair: answered(*pair), pairs) if found]
    print(f"\n{service}: {len({step.route for step in walked})} routes, {len(pairs)} requests")
    assert wrong == [], "\n".join(wrong[:40])


def test_what_is_walked_is_all_that_is_served(routes: tuple[Walked, ...]) -> None:
    """That the walk finds routes at all, of every kind that there is."""
    assert {route.service for route in routes} == set(SERVICES)
    assert {route.word for route in routes} == set(WORDS)
    for service in SERVICES:
        assert {"/health/live", "/health/ready", "/metrics"} <= {r.path for r in routes if r.service == service}


def test_every_role_walks(walkers: list[Walker]) -> None:
    # A proxy's table is the patient's own: there is none in the demo.
    assert ROLES["proxy"].scopes == ROLES["patient"].scopes
    assert {"nobody", "wrong audience", "wrong scope", "service"} | (set(ROLES) - {"proxy"}) == {
        w.name for w in walkers
    }


def test_of_another_patient_a_patient_sees_nothing(walkers: list[Walker], access: Access, http: httpx.Client) -> None:
    [patient] = [walker for walker in walkers if walker.name == "patient"]
    [physician] = [walker for walker in walkers if walker.name == "physician"]
    base, looked_at, leaked = access.demo["fhir"], 0, []
    for type_name in sorted(OWN_TYPES["patients"] + OWN_TYPES["encounters"]):
        for record in _of_others(http, base, type_name, physician):
            looked_at += 1
            answer = http.get(f"{base}/{type_name}/{record}", headers=_bearer(patient, "gateway"))
            if answer.status_code not in (403, 404):
                leaked.append(f"{type_name}/{record}: {answer.status_code}")
        found = http.get(f"{base}/{type_name}?patient=p2&_count=5", headers=_bearer(patient, "gateway"))
        if found.status_code == 200 and found.json().get("total", len(found.json().get("entry", ()))):
            leaked += [f"{type_name}?patient=p2"]
    assert looked_at >= 5
    assert leaked == []


@pytest.mark.parametrize("username", sorted(set(ROLES) - {"proxy"}))
def test_pages_open_for_the_roles_that_hold_their_word(
    username: str, routes: tuple[Walked, ...], access: Access, http: httpx.Client
) -> None:
    pages = [route for route in routes if route.word == "session" and route.service == "auth" and route.method == "GET"]
    assert pages
    held = ceiling(frozenset({username})).words
    with httpx.Client(timeout=20) as browser:
        access.user_token(username, browser=browser)
        wrong = []
        for page in pages:
            for step in steps(page):
                answer = browser.get(f"{access.demo['auth']}{step.path}")
                # Opening the console leads on to the first section that the visitor may open.
                led_on = answer.headers.get("location", "").startswith("/admin/")
                status = 200 if led_on else answer.status_code
                opens = not page.needs or bool(held & set(page.needs.split(" or ")))
                if (status == 403) == opens or status in (303, 401) or status >= 500:
                    wrong.append(f"{step.path} ({page.access}) was answered with {status}")
    assert wrong == []


def _of_others(http: httpx.Client, base: str, type_name: str, physician: Walker) -> list[str]:
    """Ids of records that are about p2, as a physician finds them."""
    query = "_id=p2" if type_name == "Patient" else "patient=p2&_count=2"
    found = http.get(f"{base}/{type_name}?{query}", headers=_bearer(physician, "gateway"))
    if found.status_code != 200:
        return []
    entries: list[dict[str, Any]] = found.json().get("entry", [])
    about = [
        entry["resource"] for entry in entries if re.search(r'"Patient/p2"|"id": ?"p2"', str(entry).replace("'", '"'))
    ]
    return [resource["id"] for resource in about if resource["resourceType"] == type_name]


def _ask(http: httpx.Client, address: str, step: Step, walker: Walker) -> int:
    headers = _bearer(walker, step.route.service)
    body = b""
    if step.route.word == "session" and step.route.method == "POST":
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    elif step.route.word == "client":
        headers["Content-Type"], body = "application/x-www-form-urlencoded", b"grant_type=client_credentials"
    elif step.route.word == "services":
        headers["Content-Type"], body = "application/json", b'{"references": []}'
    elif step.route.word == "fhir":
        headers["Content-Type"] = "application/fhir+json"
    return http.request(step.route.method, f"{address}{step.path}", headers=headers, content=body).status_code


def _bearer(walker: Walker, service: str) -> dict[str, str]:
    token = walker.tokens.get(service)
    return {"Authorization": f"Bearer {token}"} if token else {}
