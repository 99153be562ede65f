"""A real browser, for the stories that only a browser can tell."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
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
