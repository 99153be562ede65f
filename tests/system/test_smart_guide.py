"""docs/smart.md is true: every request on it is sent, in its order, and every answer is what it says."""

import json
import re
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from bedside.auth.authorizing import CODE_LIFE
from bedside.auth.grants.families import GRACE, OFFLINE_END, OFFLINE_IDLE, ONLINE_END, ONLINE_IDLE
from bedside.auth.launches import LAUNCH_LIFE
from bedside.auth.minting import TOKEN_LIFE
from bedside.auth.pushed import PUSHED_LIFE
from tests.platform import Platform
from tests.system.access import Access
from tests.system.smart_app import SmartApp

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/smart.md").read_text()
LAUNCH_PAGE = ROOT / "tests/system/clients/javascript/smart_app/launch.html"
CALLBACK = "http://127.0.0.1:8499/callback"
_BLOCK = re.compile(r"^```(\w+)( browser)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Reader:
    """Somebody who does what the page says. `known` is what can be named in braces."""

    app: SmartApp
    known: dict[str, Any]
    answer: dict[str, Any] = field(default_factory=dict)

    def follow(self, kind: str, browser: str, text: str) -> None:
        if kind == "http":
            self.answer = self._in_browser(text) if browser else self._sent(text)
            self.known |= self.answer
        elif kind == "json":
            assert_like(self.answer, json.loads(self._filled(text)))
        elif kind == "python":
            exec(text, {"jwt": jwt, "time": time, "uuid": uuid}, self.known)

    def _in_browser(self, text: str) -> dict[str, Any]:
        address = "".join(line.strip() for line in self._filled(text).removeprefix("GET ").splitlines())
        return dict(self.app.opened(address, "physician"))

    def _sent(self, text: str) -> dict[str, Any]:
        head, _, body = self._filled(text).partition("\n\n")
        first, *lines = head.splitlines()
        method, address = first.split(" ", 1)
        headers = dict(line.split(": ", 1) for line in lines if line)
        if "urlencoded" in headers.get("Content-Type", ""):
            body = "".join(line.strip() for line in body.splitlines())
        answer = httpx.request(method, address, headers=headers, content=body.strip(), timeout=30)
        assert answer.is_success, f"{first}: {answer.status_code} {answer.text}"
        told: dict[str, Any] = answer.json()
        return told

    def _filled(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda name: str(self.known[name[1]]), text)


def assert_like(answer: dict[str, Any], shown: dict[str, Any]) -> None:
    missing = {name: value for name, value in shown.items() if name not in answer}
    assert not missing, f"the page shows {missing}, and this came: {answer}"
    assert {name: answer[name] for name, value in shown.items() if value != "…"} == {
        name: value for name, value in shown.items() if value != "…"
    }


def one_time_token(platform: Platform) -> str:
    """As the administrator gets it from the console."""
    path = f"{platform.demo['auth']}/admin/clients/initial-access-tokens"
    with httpx.Client(timeout=20) as browser:
        Access(platform.demo).user_token("admin", browser=browser)
        browser.follow_redirects = True
        form = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', browser.get(path).text))
        made = browser.post(path, data=form | {"made_for": "Growth charts Ltd"}).text
    found = re.search(r'value="([^"]+)" readonly[^>]* data-testid="secret"', made)
    assert found, made
    return found[1]


@pytest.fixture
def reader(platform: Platform, registration_token: str) -> Reader:
    private_key = ec.generate_private_key(ec.SECP384R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(private_key.public_key()))
    return Reader(
        SmartApp(platform.demo, "growth-chart", CALLBACK),
        {
            "auth": platform.demo["auth"],
            "fhir": platform.demo["fhir"],
            "initial_access_token": one_time_token(platform),
            "administrators_token": registration_token,
            "ehr_access_token": Access(platform.demo).user_token("physician"),
            "private_key": private_key,
            "public_keys": json.dumps({"keys": [public | {"kid": "k1", "use": "sig"}]}),
        },
    )


@pytest.mark.slow
def test_every_request_of_the_guide_is_answered_as_it_says(reader: Reader) -> None:
    blocks = _BLOCK.findall(GUIDE)
    assert sum(kind == "http" for kind, _, _ in blocks) >= 10
    for kind, browser, text in blocks:
        reader.follow(kind, browser, text)


def test_an_answer_that_is_not_as_the_guide_says_is_noticed() -> None:
    with pytest.raises(AssertionError, match="the page shows"):
        assert_like({"a": 1}, {"b": "…"})
    with pytest.raises(AssertionError):
        assert_like({"a": 1}, {"a": 2})


def test_the_call_of_fhirclient_is_the_one_that_a_browser_makes_in_its_test() -> None:
    (snippet,) = [text for kind, _, text in _BLOCK.findall(GUIDE) if kind == "js"]
    assert snippet in LAUNCH_PAGE.read_text()


def test_the_lifetimes_of_the_guide_are_those_of_the_server() -> None:
    token, launch, idle = (life.seconds // 60 for life in (TOKEN_LIFE, LAUNCH_LIFE, ONLINE_IDLE))
    for row in (
        f"| access token, ID token | {token} minutes |",
        f"| {CODE_LIFE.seconds} seconds; {PUSHED_LIFE.seconds} seconds; {launch} minutes |",
        f": {idle} minutes unused, {ONLINE_END.seconds // 3600} hours at most |",
        f"| {OFFLINE_IDLE.days} days unused, {OFFLINE_END.days} days at most |",
        f"within {GRACE.seconds} seconds",
    ):
        assert row in " ".join(GUIDE.split()), row
