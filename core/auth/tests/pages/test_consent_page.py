"""What a person allows an app of others, ticked in a real browser."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.servers

SCOPE = "openid launch/patient offline_access patient/Patient.rs patient/Observation.rs patient/Condition.rs"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


@pytest.fixture
def consent(page: Page, app: Any, signs_in: Callable[..., None]) -> Page:
    """The page on which the patient is asked."""
    page.goto(app.address(SCOPE))
    signs_in(page, "patient")
    expect(page.get_by_role("heading", name="Allow access?")).to_be_visible()
    return page


def tick(page: Page, words: str) -> Any:
    return page.get_by_role("checkbox", name=words, exact=True)


def allow(page: Page) -> None:
    page.get_by_role("button", name="Allow", exact=True).click()


def test_all_that_is_asked_for_is_ticked_and_allowed_by_one_button(consent: Page, app: Any) -> None:
    allow(consent)
    assert sorted(app.scope(consent)) == sorted(SCOPE.split())


def test_what_is_unticked_the_app_does_not_get(consent: Page, app: Any) -> None:
    tick(consent, "read diagnoses and problems").uncheck()
    tick(consent, "go on while you are away, for up to a year").uncheck()
    allow(consent)
    assert sorted(app.scope(consent)) == sorted(
        ["openid", "launch/patient", "patient/Patient.rs", "patient/Observation.rs"]
    )


def test_instead_of_the_whole_a_category_is_allowed(consent: Page, app: Any) -> None:
    expect(tick(consent, "read vital signs")).to_be_hidden()
    tick(consent, "read measurements and results").uncheck()
    tick(consent, "read vital signs").check()
    tick(consent, "read laboratory results").check()
    allow(consent)
    assert {scope for scope in app.scope(consent) if "Observation" in scope} == {
        f"patient/Observation.rs?category={CATEGORY}|vital-signs",
        f"patient/Observation.rs?category={CATEGORY}|laboratory",
    }


def test_a_part_ticked_under_a_whole_that_is_ticked_again_does_not_narrow_it(consent: Page, app: Any) -> None:
    tick(consent, "read measurements and results").uncheck()
    tick(consent, "read vital signs").check()
    tick(consent, "read measurements and results").check()
    expect(tick(consent, "read vital signs")).to_be_hidden()
    allow(consent)
    assert "patient/Observation.rs" in app.scope(consent)


def test_who_declines_sends_the_app_away_with_nothing(consent: Page, app: Any) -> None:
    consent.get_by_role("button", name="Do not allow").click()
    told = app.told(consent)
    assert (told["error"], told["state"], "code" in told) == ("access_denied", "s1", False)


def test_who_unticks_everything_has_declined(consent: Page, app: Any) -> None:
    for _ in SCOPE.split():
        consent.get_by_role("checkbox", checked=True).first.uncheck()
    allow(consent)
    assert app.told(consent)["error"] == "access_denied"


def test_the_page_says_who_asks_of_whom_and_where_one_goes_on_to(consent: Page, app: Any) -> None:
    expect(consent.get_by_test_id("consent")).to_contain_text("Growth Chart, an app that is not part of Bedside")
    expect(consent.get_by_test_id("person")).to_have_text("The patient")
    expect(consent.get_by_test_id("goes-to")).to_have_text(app.origin.removeprefix("http://"))


def test_who_finds_somebody_else_signed_in_signs_in_and_is_asked_themselves(
    consent: Page, app: Any, signs_in: Callable[..., None]
) -> None:
    consent.get_by_role("button", name="I am somebody else").click()
    signs_in(consent, "physician")
    consent.get_by_label("Find a patient").fill("okafor")
    consent.get_by_role("button", name="Search").click()
    consent.get_by_test_id("patient-row").first.click()
    expect(consent.get_by_test_id("person")).to_have_text("The physician")
    expect(consent.get_by_text("In the record of Okafor, Margaret, born 1954-11-02")).to_be_visible()
    allow(consent)
    assert "code" in app.told(consent)


def test_by_keyboard_alone_a_box_is_unticked_a_part_is_ticked_and_the_rest_allowed(consent: Page, app: Any) -> None:
    _tab_to(consent, tick(consent, "read measurements and results"))
    consent.keyboard.press("Space")
    _tab_to(consent, tick(consent, "read vital signs"))
    consent.keyboard.press("Space")
    _tab_to(consent, consent.get_by_role("button", name="Allow", exact=True))
    consent.keyboard.press("Enter")
    assert {scope for scope in app.scope(consent) if "Observation" in scope} == {
        f"patient/Observation.rs?category={CATEGORY}|vital-signs"
    }


def _tab_to(page: Page, wanted: Any) -> None:
    for _ in range(30):
        page.keyboard.press("Tab")
        if wanted.evaluate("one => one === document.activeElement"):
            outline = wanted.evaluate("one => getComputedStyle(one).outlineStyle")
            assert outline != "none", "where the keyboard is has to be seen"
            return
    raise AssertionError(f"no way there by keyboard: {wanted}")


def test_without_a_script_all_of_it_works(opens: Callable[..., Page], app: Any, signs_in: Callable[..., None]) -> None:
    page = opens(script=False)
    page.goto(app.address(SCOPE))
    signs_in(page, "patient")
    tick(page, "read measurements and results").uncheck()
    tick(page, "read vital signs").check()
    allow(page)
    assert f"patient/Observation.rs?category={CATEGORY}|vital-signs" in app.scope(page)


def test_on_a_narrow_phone_nothing_is_cut_off_and_every_target_is_wide_enough_for_a_finger(
    opens: Callable[..., Page], app: Any, signs_in: Callable[..., None]
) -> None:
    page = opens((320, 640))
    page.goto(app.address("openid launch/patient patient/*.rs"))
    signs_in(page, "patient")
    tick(page, "read everything").uncheck()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    targets = page.locator("main label:visible, main button:visible").all()
    assert len(targets) > 20
    low = {target.inner_text(): box["height"] for target in targets if (box := target.bounding_box())["height"] < 44}
    assert low == {}


def test_neither_page_nor_app_runs_anything_that_was_not_ours(consent: Page) -> None:
    assert consent.locator("script").count() == 0
    assert not re.search(r"\son[a-z]+=|\sstyle=", consent.content())
