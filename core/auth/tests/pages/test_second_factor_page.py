"""Setting up a second factor and showing it, in a real browser with a passkey device of its own."""

import socket
import time
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.servers

SCOPE = "openid user/Patient.rs"


@pytest.fixture
def demo() -> bool:
    return False


@pytest.fixture
def issuer(listening: socket.socket) -> str:
    """By a name, as passkeys need one."""
    return f"http://localhost:{listening.getsockname()[1]}"


def code_of(page: Page, *, after: float = 0) -> str:
    """What an app that was given the key in letters shows, `after` so many seconds."""
    secret = page.get_by_test_id("secret").text_content()
    assert secret
    return pyotp.TOTP(secret.replace(" ", "")).at(int(time.time() + after))


def has_passkeys(page: Page) -> None:
    """A device in this browser that always recognises its person."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": options | {"isUserVerified": True, "automaticPresenceSimulation": True}},
    )


@pytest.mark.parametrize("script", [True, False])
def test_staff_set_up_an_app_on_their_way_in_also_without_scripts(
    opens: Callable[..., Page], app: Any, signs_in: Callable[..., None], script: bool
) -> None:
    page = opens(script=script)
    page.goto(app.address(SCOPE))
    signs_in(page, "physician")
    expect(page.get_by_role("heading", name="Set up a second step")).to_be_visible()
    expect(page.get_by_role("img", name="A picture for your authenticator app")).to_be_visible()
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_contain_text("That code is not right")
    page.get_by_label("Code").fill(code_of(page))
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_test_id("recovery-codes").get_by_role("listitem")).to_have_count(10)
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_role("heading", name="Allow access?")).to_be_visible()


def test_the_whole_way_needs_no_mouse_and_says_what_was_wrong(
    page: Page, app: Any, signs_in: Callable[..., None]
) -> None:
    page.goto(app.address(SCOPE))
    signs_in(page, "physician")
    page.get_by_label("Code").fill(code_of(page))
    page.keyboard.press("Enter")
    recovery = page.get_by_test_id("recovery-codes").get_by_role("listitem").first.inner_text()
    page.goto(app.address(SCOPE, prompt="login"))
    signs_in(page, "physician")
    expect(page.get_by_label("Code")).to_be_focused()
    page.keyboard.type("123")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Code")).to_have_accessible_description(
        page.get_by_role("alert").inner_text() + " " + page.locator("#hint").inner_text()
    )
    page.keyboard.type(recovery)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Allow access?")).to_be_visible()


def test_a_passkey_is_made_and_lets_in(page: Page, app: Any, signs_in: Callable[..., None]) -> None:
    has_passkeys(page)
    page.goto(app.address(SCOPE))
    signs_in(page, "physician")
    page.get_by_role("link", name="Use a passkey instead").click()
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_role("heading", name="Allow access?")).to_be_visible()

    page.goto(app.address(SCOPE, prompt="login", acr_values="phr"))
    signs_in(page, "physician")
    expect(page.get_by_label("Code")).to_have_count(0)
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_role("heading", name="Allow access?")).to_be_visible()
    page.get_by_role("button", name="Allow", exact=True).click()
    assert app.scope(page) == SCOPE.split()


def test_a_device_without_passkeys_is_told_so_and_offered_another_way(
    page: Page, app: Any, signs_in: Callable[..., None]
) -> None:
    page.add_init_script("delete window.PublicKeyCredential")
    page.goto(app.address(SCOPE))
    signs_in(page, "physician")
    page.get_by_role("link", name="Use a passkey instead").click()
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("No passkey could be made on this device.")
    page.get_by_role("link", name="Use an authenticator app instead").click()
    expect(page.get_by_role("heading", name="Set up a second step")).to_be_visible()


def test_an_account_shows_what_lets_in_and_where(page: Page, served: Any, signs_in: Callable[..., None]) -> None:
    has_passkeys(page)
    page.goto(f"{served.installation.issuer}/account")
    signs_in(page, "physician")
    page.get_by_label("Code").fill(code_of(page))
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="I have kept them").click()
    page.get_by_role("link", name="Set up a passkey").click()
    page.get_by_role("button", name="Make a passkey").click()
    page.get_by_role("link", name="To your account").click()
    expect(page.get_by_test_id("factor-row")).to_have_count(2)
    page.get_by_role("link", name="Remove Authenticator app").click()
    page.get_by_role("button", name="Remove it").click()
    page.get_by_role("link", name="To your account").click()
    expect(page.get_by_test_id("factor-row")).to_contain_text("Passkey")
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_role("heading", name="You are signed out everywhere")).to_be_visible()
