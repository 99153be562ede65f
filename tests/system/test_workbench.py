"""What a person does in a real browser: sign in, find a patient by name, read what their role may see."""

import pytest
from playwright.sync_api import Page, Response, expect

from tests.platform import Platform

pytestmark = pytest.mark.servers


def sign_in(page: Page, platform: Platform, username: str) -> None:
    password = next(user["password"] for user in platform.demo["users"] if user["username"] == username)
    page.goto(platform.demo["gateway"])
    page.get_by_test_id("sign-in").click()
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_test_id("person")).to_be_visible()


def find(page: Page, name: str) -> None:
    page.keyboard.press("/")
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("patient-row").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("patient-name")).to_be_visible()


def test_a_physician_finds_a_patient_by_name_and_reads_the_chart(page: Page, platform: Platform) -> None:
    sign_in(page, platform, "physician")
    find(page, "okafor")

    expect(page.get_by_test_id("patient-name")).to_contain_text("Okafor, Margaret Ellen")
    expect(page.get_by_test_id("allergy-strip")).to_contain_text("Penicillin (high risk); Ibuprofen")
    expect(page.get_by_test_id("warning-allergy-conflict")).to_be_visible()
    expect(page.get_by_test_id("medicines")).to_contain_text("Furosemide 40 mg tablet")
    expect(page.get_by_test_id("vital-weight")).to_contain_text("81.6")
    expect(page.get_by_test_id("vital-bloodPressure")).to_contain_text("148/86")
    assert "Alcohol" not in page.content()


def test_a_physician_opens_a_restricted_record_in_an_emergency_and_closes_it(page: Page, platform: Platform) -> None:
    sign_in(page, platform, "physician")
    find(page, "okafor")
    assert "lcohol" not in page.content()

    page.get_by_test_id("emergency-access").click()
    expect(page.get_by_test_id("patient-name")).to_contain_text("Okafor, Margaret Ellen")
    page.get_by_label("Emergency: it cannot wait").check()
    page.get_by_label("In a sentence").fill("Found unconscious in the car park")
    page.get_by_test_id("break-glass").click()

    expect(page.get_by_test_id("emergency-banner")).to_contain_text("Emergency access is open until")
    expect(page.get_by_test_id("problems")).to_contain_text("lcohol")
    page.get_by_test_id("end-emergency").click()
    expect(page.get_by_test_id("emergency-access")).to_be_visible()
    assert "lcohol" not in page.content()


def test_no_clinical_byte_reaches_the_front_desks_browser(page: Page, platform: Platform) -> None:
    bodies: list[str] = []

    def keep(response: Response) -> None:
        if "text" in response.headers.get("content-type", "") and not response.request.redirected_to:
            bodies.append(response.text())

    sign_in(page, platform, "frontdesk")
    page.on("response", keep)
    find(page, "okafor")

    expect(page.get_by_test_id("check-in")).to_contain_text("Expected today")
    page.wait_for_load_state("networkidle")
    crossed = "\n".join(bodies)
    assert "Chidi Okafor" in crossed
    for clinical in ("Penicillin", "Furosemide", "diabetes", "Heart failure", "148", "breathlessness", "Gout"):
        assert clinical.lower() not in crossed.lower(), clinical


def test_signing_out_leaves_nothing_to_go_back_to(page: Page, platform: Platform) -> None:
    sign_in(page, platform, "physician")
    page.get_by_test_id("sign-out").click()
    expect(page.get_by_test_id("welcome")).to_be_visible()
    page.goto(f"{platform.demo['gateway']}/patients/p1")

    expect(page.get_by_label("Password")).to_be_visible()
    assert "Okafor" not in page.content()


def test_a_wrong_password_says_so_without_saying_which_part_was_wrong(page: Page, platform: Platform) -> None:
    page.goto(platform.demo["gateway"])
    page.get_by_test_id("sign-in").click()
    page.get_by_label("Username").fill("physician")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_test_id("problem")).to_be_visible()
