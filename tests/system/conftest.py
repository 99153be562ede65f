"""A real browser, for the stories that only a browser can tell; apps, registered as their developers would."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.platform import Platform
from tests.system.access import Access

Registers = Callable[..., str]

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For one file: while playwright's loop lives in this process, no asynchronous test can run here."""
    path = os.environ.get("BEDSIDE_TEST_CHROMIUM") or shutil.which("chromium")
    assert path, "no Chromium: ./test.sh installs it"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS.split())
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """On a tablet held across, signed in to nothing."""
    context = browser.new_context(viewport={"width": 1024, "height": 768}, locale="en-GB")
    yield context.new_page()
    context.close()


@pytest.fixture
def registration_token(platform: Platform) -> str:
    """An administrator's, good for registering anything."""
    return Access(platform.demo).user_token("admin", scope="clients.manage")


@pytest.fixture
def registers(platform: Platform, registration_token: str) -> Registers:
    """Registers a public app of others for these redirect URIs and this scope; its client id."""

    def register(*redirect_uris: str, scope: str) -> str:
        app: dict[str, Any] = {
            "client_name": f"Growth chart {secrets.token_hex(3)}",
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
            "redirect_uris": redirect_uris,
            "scope": scope,
            "audiences": [platform.demo["fhir"]],
        }
        answer = httpx.post(
            f"{platform.demo['auth']}/register", json=app, headers={"Authorization": f"Bearer {registration_token}"}
        )
        assert answer.status_code == 201, answer.text
        client_id: str = answer.json()["client_id"]
        return client_id

    return register
