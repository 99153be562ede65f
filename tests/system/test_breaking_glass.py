"""Emergency access on the running platform: what a physician sees before, during and after it."""

from collections.abc import Iterator

import httpx
import pytest

from tests.platform import Platform
from tests.system.access import Access

pytestmark = pytest.mark.slow
GLASS = "/v1/physician/patients/p1/break-glass"
CHART = "/v1/physician/patients/p1/chart"
ASKED = {"reason": "emergency", "note": "Found unconscious in the car park"}


@pytest.fixture
def physician(platform: Platform) -> Iterator[httpx.Client]:
    token = Access(platform.demo).user_token("physician")
    headers = {"Authorization": f"Bearer {token}", "Cache-Control": "no-cache"}
    with httpx.Client(base_url=platform.demo["gateway"], headers=headers, timeout=30) as http:
        yield http
        http.post(f"{GLASS}/end")


def test_a_hidden_problem_is_seen_while_the_glass_is_broken_and_no_longer(physician: httpx.Client) -> None:
    def seen() -> tuple[bool, object]:
        chart = physician.get(CHART)
        return "lcohol" in chart.text, chart.json()["restricted"]

    assert seen() == (False, {"hidden": True, "breakGlass": "available"})
    assert physician.post(GLASS, json=ASKED).status_code == 201
    assert seen() == (True, {"hidden": False, "breakGlass": "active"})
    assert physician.get("/v1/physician/patients/p2/break-glass").json()["breakGlass"] == "available"
    assert physician.post(f"{GLASS}/end").status_code == 200
    assert seen() == (False, {"hidden": True, "breakGlass": "available"})


def test_it_is_not_opened_for_somebody_unknown(physician: httpx.Client) -> None:
    assert physician.post("/v1/physician/patients/no-such/break-glass", json=ASKED).status_code == 404


def test_a_front_desk_has_none(platform: Platform) -> None:
    token = Access(platform.demo).user_token("frontdesk")
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(f"{platform.demo['gateway']}{GLASS}", json=ASKED, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:problem:not-your-role")
