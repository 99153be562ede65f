"""fhirclient.js, the SMART team's, in a real browser: an app of others, opened by itself and from an EHR."""

import functools
import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.platform import Platform
from tests.system.access import Access

pytestmark = pytest.mark.servers

SCOPE = (
    "openid fhirUser launch launch/patient online_access patient/Patient.rs patient/Observation.rs user/Practitioner.r"
)
_TOLD_TIMEOUT_MS = 30_000


@pytest.fixture(scope="module")
def app(installed: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the app's own pages are served; its developer copied fhirclient beside them."""
    folder = tmp_path_factory.mktemp("smart") / "app"
    shutil.copytree(Path(__file__).parent / "javascript" / "smart_app", folder)
    shutil.copy(installed.folder / "node_modules/fhirclient/build/fhir-client.min.js", folder / "fhir-client.js")
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        """The test says what matters."""


@pytest.fixture
def client_id(registers: Any, app: str) -> str:
    registered: str = registers(f"{app}/app.html", scope=f"{SCOPE} launch/encounter patient/Encounter.rs")
    return registered


def opened(page: Page, app: str, **asked: str) -> None:
    page.goto(f"{app}/launch.html?{urlencode(asked)}")


def sign_in(page: Page, platform: Platform, username: str) -> None:
    password = next(each["password"] for each in platform.demo["users"] if each["username"] == username)
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def told(page: Page) -> dict[str, Any]:
    """What the app found out, once it has."""
    expect(page.locator("#told")).not_to_be_empty(timeout=_TOLD_TIMEOUT_MS)
    answer: dict[str, Any] = json.loads(page.locator("#told").inner_text())
    return answer


def test_an_app_opened_by_itself_asks_for_a_patient_and_consent_and_reads_that_patient_only(
    page: Page, platform: Platform, app: str, client_id: str
) -> None:
    opened(page, app, iss=platform.demo["fhir"], client_id=client_id, scope=SCOPE)
    sign_in(page, platform, "physician")
    page.get_by_label("Find a patient").fill("okafor margaret")
    page.get_by_role("button", name="Search").click()
    page.get_by_test_id("patient-row").first.click()
    page.get_by_role("button", name="Allow", exact=True).click()

    found = told(page)
    assert found == {
        "patient": ["Patient", "p1"],
        "user": ["Practitioner", "dr-shah"],
        "banner": True,
        "encounter": None,
        "scope": SCOPE.replace(" launch ", " "),
        "refreshed": ["p1", True],
        "other": 404,
    }


def test_an_app_opened_from_an_ehr_is_told_who_and_what_is_on_the_screen(
    page: Page, platform: Platform, app: str, client_id: str
) -> None:
    ehr = Access(platform.demo).user_token("physician")
    encounter = httpx.get(
        f"{platform.demo['fhir']}/Encounter?patient=p1&_count=1", headers={"Authorization": f"Bearer {ehr}"}
    ).json()["entry"][0]["resource"]["id"]
    prepared = httpx.post(
        f"{platform.demo['auth']}/launch",
        json={
            "client_id": client_id,
            "patient": "p1",
            "encounter": encounter,
            "intent": "reconcile-medications",
            "need_patient_banner": False,
            "fhirContext": [{"reference": "Task/t1", "role": "https://growth.example/role/asked"}],
        },
        headers={"Authorization": f"Bearer {ehr}"},
    )
    assert prepared.status_code == 201, prepared.text
    scope = f"{SCOPE} patient/Encounter.rs"
    opened(page, app, iss=platform.demo["fhir"], launch=prepared.json()["launch"], client_id=client_id, scope=scope)
    sign_in(page, platform, "physician")
    page.get_by_role("button", name="Allow", exact=True).click()

    assert told(page) == {
        "patient": ["Patient", "p1"],
        "encounter": ["Encounter", "Patient/p1"],
        "user": ["Practitioner", "dr-shah"],
        "style": True,
        "banner": False,
        "intent": "reconcile-medications",
        "fhirContext": [{"reference": "Task/t1", "role": "https://growth.example/role/asked"}],
        "scope": scope,
        "refreshed": ["p1", True],
        "other": 404,
    }


def test_who_does_not_allow_it_is_sent_back_and_the_app_gets_nothing(
    page: Page, platform: Platform, app: str, client_id: str
) -> None:
    opened(page, app, iss=platform.demo["fhir"], client_id=client_id, scope="openid launch/patient patient/Patient.rs")
    sign_in(page, platform, "patient")
    expect(page.get_by_test_id("consent")).to_contain_text("In the record of you")
    page.get_by_role("button", name="Do not allow").click()

    assert "declined" in told(page)["failed"]
