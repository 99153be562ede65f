"""The pages in a real browser: auth alone listens, and an app waits for the answer. The database does not matter."""

import http.server
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bedside.auth.app import application
from bedside.auth.authority import Authority
from bedside.auth.directory import keep_client

FHIR = "http://127.0.0.1:8000/fhir"
PASSWORD = "correct horse battery staple"
DESKTOP = (1280, 800)
PHONE = (375, 740)
VERIFIER = "v" * 43
CHALLENGE = "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"
_FLAGS = "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update"


@pytest.fixture
def database_url(prepared_file: Path, tmp_path: Path) -> str:
    shutil.copyfile(prepared_file, tmp_path / "auth.db")
    return f"sqlite:///{tmp_path / 'auth.db'}"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as waiting:
        waiting.bind(("127.0.0.1", 0))
        # Who comes before the server reads waits in the queue.
        waiting.listen()
        yield waiting


@pytest.fixture
def issuer(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def served(authority: Authority, listening: socket.socket) -> Iterator[Authority]:
    server = uvicorn.Server(uvicorn.Config(application(authority), lifespan="off", log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    yield authority
    server.should_exit = True
    thread.join(timeout=10)


@dataclass(frozen=True)
class App:
    """An app of others, that asks for what `scope` says; `origin` is where its own page is."""

    issuer: str
    origin: str
    client_id: str = "growth-chart"

    @property
    def callback(self) -> str:
        return f"{self.origin}/callback"

    def address(self, scope: str, **changed: str) -> str:
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.callback,
            "scope": scope,
            "state": "s1",
            "aud": FHIR,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        } | changed
        return f"{self.issuer}/authorize?{urlencode(asked)}"

    def told(self, page: Page) -> dict[str, str]:
        """What came back to the app."""
        page.wait_for_url(f"{self.callback}?*")
        return dict(parse_qsl(urlsplit(page.url).query))

    def scope(self, page: Page) -> list[str]:
        """What the code that came back is good for."""
        form = {
            "grant_type": "authorization_code",
            "code": self.told(page)["code"],
            "redirect_uri": self.callback,
            "client_id": self.client_id,
            "code_verifier": VERIFIER,
        }
        answer = httpx.post(f"{self.issuer}/token", data=form)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["scope"]).split()


@pytest.fixture(scope="session")
def waiting_app() -> Iterator[str]:
    """The origin of a page that only says that one is back."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Back) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Back(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Growth chart</title><h1>Back at the app</h1>")

    def log_message(self, *args: Any) -> None:
        """The test says what matters."""


@pytest.fixture
def app(served: Authority, waiting_app: str) -> App:
    found = App(served.installation.issuer, waiting_app)
    with served.units.unit() as session:
        keep_client(
            session,
            found.client_id,
            name="Growth Chart",
            grant_types=["authorization_code", "refresh_token"],
            scope="openid fhirUser launch launch/patient online_access offline_access user/*.cruds patient/*.cruds",
            audiences=[FHIR],
            redirect_uris=[found.callback],
            first_party=False,
        )
    return found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """For one file: while playwright's loop lives in this process, no asynchronous test can run here."""
    path = os.environ.get("BEDSIDE_TEST_CHROMIUM") or shutil.which("chromium")
    assert path, "no Chromium: ./test.sh installs it"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=_FLAGS.split())
        yield started
        started.close()


@pytest.fixture
def opens(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """A fresh browser of that size; `script=False` runs none."""
    contexts: list[BrowserContext] = []

    def opened(size: tuple[int, int] = DESKTOP, *, script: bool = True) -> Page:
        viewport: Any = {"width": size[0], "height": size[1]}
        contexts.append(chromium.new_context(viewport=viewport, java_script_enabled=script, locale="en-GB"))
        return contexts[-1].new_page()

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def signs_in() -> Callable[..., None]:
    def sign_in(page: Page, username: str, *, password: str = PASSWORD) -> None:
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()

    return sign_in


@pytest.fixture
def page(opens: Callable[..., Page]) -> Page:
    return opens()
