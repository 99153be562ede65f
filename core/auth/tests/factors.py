"""A person with an authenticator app, at the pages where it is set up and shown."""

import re
from dataclasses import dataclass
from typing import Any

import httpx
import pyotp


@dataclass
class App:
    """The app on a telephone, by the server's movable clock."""

    secret: str
    clock: Any

    def code(self, *, seconds: float = 0) -> str:
        return str(pyotp.TOTP(self.secret).at(int(self.clock.instant.timestamp() + seconds)))

    def next_code(self) -> str:
        """One that was not shown before."""
        self.clock.advance(seconds=30)
        return self.code()

    def wrong_code(self) -> str:
        """None of those that are good about now."""
        good = {self.code(seconds=aside) for aside in (-60, -30, 0, 30, 60)}
        return next(f"{number:06}" for number in range(10) if f"{number:06}" not in good)


@dataclass
class Enrolled:
    app: App
    recovery_codes: list[str]
    answer: httpx.Response
    """Where the sign-in led in the end."""


def app_of(page: httpx.Response, clock: Any) -> App:
    """What the enrolment page shows."""
    found = re.search(r'data-testid="secret">([A-Z2-7 ]+)<', page.text)
    assert found, page.text
    return App(found[1].replace(" ", ""), clock)


def codes_of(page: httpx.Response) -> list[str]:
    return re.findall(r"<li>([0-9 ]{14})</li>", page.text)


def hidden(page: httpx.Response) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))


async def follow(flow: Any, answer: httpx.Response) -> httpx.Response:
    assert answer.status_code == 303, answer.text
    found: httpx.Response = await flow.browser.get(answer.headers["location"])
    return found


async def enrol(flow: Any, clock: Any, username: str = "physician", **changed: str | None) -> Enrolled:
    """Signs in by password, sets up an app, and goes on to where that leads."""
    page = await follow(flow, await flow.sign_in(username, **changed))
    app = app_of(page, clock)
    shown = await flow.submit(page, "/enrol", otp=app.code())
    assert shown.status_code == 200, shown.text
    onward = re.search(r'<form method="get" action="([^"]+)"', shown.text)
    assert onward, shown.text
    return Enrolled(app, codes_of(shown), await flow.browser.get(onward[1], params=hidden(shown)))


async def sign_in_again(flow: Any, clock: Any, username: str = "physician", **changed: str | None) -> httpx.Response:
    """In a browser without a session, up to the page that asks for the factor."""
    flow.browser.cookies.clear()
    return await follow(flow, await flow.sign_in(username, **changed))
