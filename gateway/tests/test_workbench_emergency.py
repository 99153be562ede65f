"""Emergency access in the workbench, where a person first has to show anew who they are."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response

from bedside.events import InProcessTransport
from bedside.gateway.workbench import workbench_routes
from bedside.gateway.workbench.session import Cookies, Session
from bedside.identity import ServiceLogin
from bedside.identity.testing import TestIssuer
from bedside.service import RealClock, Runtime, Settings
from bedside.service.metrics import Measures

HOME = "http://127.0.0.1:9"
PATH = "/patients/p1/emergency"
TYPED = {"reason": "emergency", "note": "Found unconscious – é \U0001f691"}
WHO = {
    "sortName": "Okafor, Margaret", "preferredName": None, "birthDate": None, "ageDisplay": None, "sex": None,
    "mrn": "MRN-1001", "nationalId": None, "language": None, "deceased": None,
}  # fmt: skip


class Inside:
    """The gateway's API; `answer` is what breaking the glass comes to."""

    def __init__(self) -> None:
        self.answer = httpx.Response(201, json={})
        self.posted: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self.posted.append(request.url.path)
            return self.answer
        return httpx.Response(200, json={"patient": WHO})


@pytest.fixture
def inside() -> Inside:
    return Inside()


@pytest.fixture
async def browser(inside: Inside, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """In which a physician is signed in."""
    settings = Settings(port=9, data_dir=tmp_path)
    issuer = TestIssuer(settings.issuer)
    async with httpx.AsyncClient(transport=httpx.MockTransport(inside), base_url="http://gateway") as api:
        runtime = Runtime(
            settings=settings, name="gateway", database=None, transport=InProcessTransport(), keys=issuer.keys,
            denylist=issuer.denylist, login=ServiceLogin("http://auth/token", "gateway", "secret", http=api), http=api,
            clock=RealClock(), measures=Measures("gateway"),
        )  # fmt: skip
        app = Starlette(routes=workbench_routes(runtime, api))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOME) as http:
            signed_in = Response()
            cookies = Cookies(settings.sealing_key("gateway", "workbench cookies"), secure=False)
            session = Session("token", None, int(time.time()) + 300, "Dr Shah", ("physician",))
            cookies.keep_session(signed_in, session)
            name, value = signed_in.headers["set-cookie"].split(";")[0].split("=", 1)
            http.cookies.set(name, value)
            yield http


def refusal(**members: Any) -> httpx.Response:
    body = {"type": "urn:problem:insufficient-user-authentication", "title": "Show who you are.", **members}
    return httpx.Response(401, json=body)


async def test_a_sign_in_too_old_leads_to_a_new_one_and_back_to_what_was_typed(
    browser: httpx.AsyncClient, inside: Inside
) -> None:
    inside.answer = refusal(max_age=300, acr_values="urn:two phr")
    answer = await browser.post(PATH, data=TYPED)
    assert answer.status_code == 303
    there = urlsplit(answer.headers["location"])
    asked = {name: values[0] for name, values in parse_qs(there.query).items()}
    assert there.path == "/authorize"
    assert (asked["max_age"], asked["acr_values"]) == ("300", "urn:two phr")
    assert "unconscious" not in answer.headers["location"]

    back = await browser.get(PATH)
    assert 'data-testid="confirmed"' in back.text
    assert TYPED["note"] in back.text
    assert 'value="emergency" required checked' in back.text
    assert TYPED["note"] not in (await browser.get("/patients/p2/emergency")).text

    inside.answer = httpx.Response(201, json={})
    opened = await browser.post(PATH, data=TYPED)
    assert (opened.status_code, opened.headers["location"]) == (303, "/patients/p1")
    assert TYPED["note"] not in (await browser.get(PATH)).text


async def test_a_note_too_long_for_a_cookie_is_typed_anew(browser: httpx.AsyncClient, inside: Inside) -> None:
    inside.answer = refusal(max_age=300)
    assert (await browser.post(PATH, data=TYPED | {"note": "\U0001f691" * 500})).status_code == 303
    assert "\U0001f691" not in (await browser.get(PATH)).text


async def test_another_sites_form_opens_and_ends_nothing(browser: httpx.AsyncClient, inside: Inside) -> None:
    for path in (PATH, f"{PATH}/end"):
        answer = await browser.post(path, data=TYPED, headers={"Origin": "https://elsewhere.example"})
        assert answer.status_code == 403
    assert inside.posted == []
    assert (await browser.post(PATH, data=TYPED, headers={"Origin": HOME})).status_code == 303
    assert inside.posted == ["/v1/physician/patients/p1/break-glass"]


async def test_what_was_typed_wrong_is_said_beside_what_was_typed(browser: httpx.AsyncClient, inside: Inside) -> None:
    inside.answer = httpx.Response(422, json={"title": "x", "errors": [{"pointer": "/note", "text": "y"}]})
    answer = await browser.post(PATH, data={"reason": "other", "note": "<b>short"})
    assert answer.status_code == 422
    assert "Say in ten to 500 characters" in answer.text
    assert "&lt;b&gt;short" in answer.text
