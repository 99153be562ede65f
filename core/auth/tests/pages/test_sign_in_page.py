"""Signing in, and what is said when it cannot go on, in a real browser."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.servers

SCOPE = "openid patient/Patient.rs"


def test_the_first_field_waits_for_the_name_or_the_second_for_the_password_where_the_name_is_known(
    page: Page, app: Any
) -> None:
    page.goto(app.address(SCOPE))
    expect(page.get_by_label("Username")).to_be_focused()
    page.goto(app.address(SCOPE, login_hint="patient"))
    expect(page.get_by_label("Username")).to_have_value("patient")
    expect(page.get_by_label("Password")).to_be_focused()


def test_a_wrong_password_is_said_beside_the_field_and_costs_only_the_password(
    page: Page, app: Any, signs_in: Callable[..., None]
) -> None:
    page.goto(app.address(SCOPE))
    signs_in(page, "patient", password="wrong")
    expect(page.get_by_role("alert")).to_contain_text("do not go together")
    expect(page.get_by_label("Password")).to_be_focused()
    expect(page.get_by_label("Password")).to_have_accessible_description(page.get_by_role("alert").inner_text())
    signs_in(page, "patient")
    expect(page.get_by_role("heading", name="Allow access?")).to_be_visible()


def test_who_is_signed_in_already_and_goes_back_to_the_form_is_led_on(
    page: Page, app: Any, signs_in: Callable[..., None]
) -> None:
    page.goto(app.address(SCOPE))
    form = page.url
    signs_in(page, "patient")
    page.goto(form)
    expect(page.get_by_role("heading", name="Allow access?")).to_be_visible()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"client_id": "nobody"}, "The app that sent you here is not known."),
        ({"redirect_uri": "http://evil.example/"}, "asked to be answered at an address it is not registered for."),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "was begun too long ago"),
    ],
)
def test_where_an_app_cannot_be_answered_the_person_is_told_why_and_what_to_do(
    page: Page, app: Any, changed: dict[str, str], said: str
) -> None:
    page.goto(app.address(SCOPE, **changed))
    expect(page.get_by_role("heading", name="This sign-in cannot go on")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text(said)
    expect(page.get_by_role("main")).to_contain_text("Nothing was given to it. Go back to it and try again")
    assert page.url.startswith(app.issuer)
