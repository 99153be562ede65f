"""Whom an app is about, chosen in a real browser."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bedside.auth.directory import user_named
from bedside.auth.launch_context import LaunchContext
from bedside.auth.launches import open_launch
from bedside.auth.tables import Client

pytestmark = pytest.mark.servers

SCOPE = "openid launch/patient patient/Patient.rs"


@pytest.fixture
def picker(page: Page, app: Any, signs_in: Callable[..., None]) -> Page:
    page.goto(app.address(SCOPE))
    signs_in(page, "physician")
    expect(page.get_by_label("Find a patient")).to_be_focused()
    return page


def search(page: Page, term: str) -> None:
    page.get_by_label("Find a patient").fill(term)
    page.get_by_role("button", name="Search").click()


def test_patients_of_one_name_are_told_apart_by_what_is_known_of_them(picker: Page) -> None:
    search(picker, "okafor")
    assert [row.inner_text().split("\n") for row in picker.get_by_test_id("patient-row").all()] == [
        ["Okafor, Margaret", "born 1954-11-02 · female · no number"],
        ["Okafor, <b>Chidi</b>", "birth date unknown · gender unknown · no number"],
    ]


def test_who_is_chosen_is_named_where_access_is_allowed(picker: Page, app: Any) -> None:
    search(picker, "chidi")
    picker.get_by_test_id("patient-row").click()
    expect(picker.get_by_text("In the record of Okafor, <b>Chidi</b>")).to_be_visible()
    picker.get_by_role("button", name="Allow", exact=True).click()
    assert "code" in app.told(picker)


def test_a_search_that_finds_nobody_says_so_and_can_be_changed_at_once(picker: Page) -> None:
    search(picker, "nobody of that name")
    expect(picker.get_by_role("status")).to_have_text("Nobody you may open is found by that.")
    expect(picker.get_by_label("Find a patient")).to_be_focused()
    expect(picker.get_by_label("Find a patient")).to_have_value("nobody of that name")


def test_by_keyboard_alone_a_patient_is_found_and_chosen(picker: Page) -> None:
    picker.keyboard.type("margaret")
    picker.keyboard.press("Enter")
    expect(picker.get_by_test_id("patient-row")).to_have_count(1)
    for _ in range(10):
        picker.keyboard.press("Tab")
        if picker.get_by_test_id("patient-row").evaluate("row => row === document.activeElement"):
            break
    picker.keyboard.press("Enter")
    expect(picker.get_by_text("In the record of Okafor, Margaret")).to_be_visible()


def test_without_a_script_a_patient_is_found_and_chosen(
    opens: Callable[..., Page], app: Any, signs_in: Callable[..., None]
) -> None:
    page = opens(script=False)
    page.goto(app.address(SCOPE))
    signs_in(page, "physician")
    search(page, "margaret")
    page.get_by_test_id("patient-row").click()
    page.get_by_role("button", name="Allow", exact=True).click()
    assert "code" in app.told(page)


def test_a_wrong_choice_is_mended_before_anything_is_allowed(picker: Page) -> None:
    search(picker, "chidi")
    picker.get_by_test_id("patient-row").click()
    picker.get_by_role("link", name="Choose another patient").click()
    search(picker, "margaret")
    picker.get_by_test_id("patient-row").click()
    expect(picker.get_by_text("In the record of Okafor, Margaret")).to_be_visible()


def test_an_ehr_that_named_the_patient_leaves_nothing_to_choose(
    page: Page, app: Any, served: Any, signs_in: Callable[..., None]
) -> None:
    with served.units.unit() as session:
        physician, client = user_named(session, "physician"), session.get_one(Client, app.client_id)
        launch = open_launch(served, session, physician.id, client, LaunchContext(patient="p1"))
    page.goto(app.address("openid launch patient/Patient.rs", launch=launch))
    signs_in(page, "physician")
    expect(page.get_by_text("In the record of Okafor, Margaret")).to_be_visible()
    expect(page.get_by_role("link", name="Choose another patient")).to_have_count(0)
