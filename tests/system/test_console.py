"""The work of administrators in a real browser, with scripts switched off: pages and forms are all there is."""

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.platform import Platform
from tests.system.access import Access
from tests.system.conftest import Registers

pytestmark = [pytest.mark.servers, pytest.mark.slow]

TABS_MAX = 80
NEW_PASSWORD = "seven quiet lanterns drift"
Opens = Callable[[], Page]


@pytest.fixture
def opens(browser: Browser) -> Iterator[Opens]:
    """Somebody's own browser, in which nobody is signed in."""
    contexts: list[BrowserContext] = []

    def opened() -> Page:
        context = browser.new_context(
            viewport={"width": 1024, "height": 768}, locale="en-GB", java_script_enabled=False
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        return page

    yield opened
    for context in contexts:
        context.close()


def sign_in(page: Page, username: str, password: str) -> None:
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def console(opens: Opens, platform: Platform) -> Page:
    """An administrator's browser, at the list of users."""
    page = opens()
    page.goto(f"{platform.demo['auth']}/admin")
    sign_in(page, "admin", next(u["password"] for u in platform.demo["users"] if u["username"] == "admin"))
    expect(page.get_by_role("heading", name="Users")).to_be_visible()
    return page


@dataclass(frozen=True)
class Person:
    username: str
    name: str
    password: str
    browser: Page
    """Their own, in which they accepted the invitation and then signed in."""


def invite(console: Page, *, role: str, record: str = "") -> tuple[str, str, str]:
    """Username and name of somebody new, and the link that they are given; leaves their page open."""
    username = f"{role}-{secrets.token_hex(4)}"
    name = f"Kim {username}"
    console.get_by_role("link", name="Users").click()
    console.get_by_role("link", name="New user").click()
    console.get_by_label("Username").fill(username)
    console.get_by_label("Name", exact=True).fill(name)
    console.get_by_label("Their record").fill(record)
    console.get_by_label(role, exact=True).check()
    console.get_by_role("button", name="Make the user").click()
    expect(note(console)).to_contain_text("The user is made.")
    return username, name, link_for(console)


def link_for(console: Page) -> str:
    console.get_by_test_id("password-link").click()
    console.get_by_test_id("confirm-button").click()
    return secret(console)


def choose_password(page: Page, link: str, password: str) -> None:
    page.goto(link)
    page.get_by_label("New password", exact=True).fill(password)
    page.get_by_label("New password, once more").fill(password)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("button", name="Set the password")).to_have_count(0)


@pytest.fixture
def nurse(console: Page, opens: Opens, platform: Platform) -> Person:
    """Invited, with a password of their own, and signed in; the console is at their page."""
    username, name, link = invite(console, role="nurse", record="Practitioner/nurse-kim")
    theirs = opens()
    choose_password(theirs, link, "four spoons under water")
    person = Person(username, name, "four spoons under water", theirs)
    signed_in(person, platform)
    return person


def signed_in(person: Person, platform: Platform) -> None:
    """A nurse may sign in, and is told that the console is not for them."""
    person.browser.goto(f"{platform.demo['auth']}/admin")
    if person.browser.get_by_label("Password").count():
        sign_in(person.browser, person.username, person.password)
    expect(person.browser.get_by_role("heading", name="This page is not for you")).to_be_visible()


def is_out(person: Person, platform: Platform) -> None:
    """Their browser is asked who they are."""
    person.browser.goto(f"{platform.demo['auth']}/admin")
    expect(person.browser.get_by_label("Password")).to_be_visible()


def note(page: Page) -> Locator:
    return page.get_by_test_id("note")


def secret(page: Page) -> str:
    """What is shown once; after the page is loaded again it is gone."""
    shown = page.get_by_test_id("secret").input_value()
    page.reload()
    expect(page.get_by_test_id("secret")).to_have_count(0)
    assert shown not in page.content()
    return shown


def confirm(page: Page, link: str, button: str) -> None:
    """Acts that are asked about first, on a page that says what follows."""
    page.get_by_role("link", name=link).click()
    expect(page.get_by_test_id("confirm")).to_be_visible()
    page.get_by_role("button", name=button).click()


def test_somebody_is_invited_and_chooses_a_password_with_the_link_once(
    console: Page, opens: Opens, platform: Platform
) -> None:
    username, _, link = invite(console, role="nurse")
    expect(console.get_by_text("They have none yet")).to_be_visible()
    theirs = opens()
    choose_password(theirs, link, NEW_PASSWORD)
    signed_in(Person(username, "", NEW_PASSWORD, theirs), platform)
    console.reload()
    expect(console.get_by_text("They have one. Only they know it.")).to_be_visible()
    again = opens()
    again.goto(link)
    expect(again.get_by_role("button", name="Set the password")).to_have_count(0)


def test_who_is_no_administrator_is_refused_and_shown_no_section(nurse: Person, platform: Platform) -> None:
    for section in ("users", "clients", "sessions", "keys", "glass"):
        answer = nurse.browser.goto(f"{platform.demo['auth']}/admin/{section}")
        assert answer is not None
        assert answer.status == 403
        expect(nurse.browser.get_by_role("navigation", name="Sections").get_by_role("link")).to_have_count(0)


def test_somebody_disabled_is_out_and_when_enabled_again_may_sign_in(
    console: Page, nurse: Person, platform: Platform
) -> None:
    confirm(console, "Disable…", "Disable")
    expect(note(console)).to_contain_text("They are disabled and signed out everywhere.")
    is_out(nurse, platform)
    sign_in(nurse.browser, nurse.username, nurse.password)
    expect(nurse.browser.get_by_test_id("problem")).to_be_visible()
    console.get_by_role("button", name="Enable").click()
    expect(note(console)).to_contain_text("They may sign in again.")
    nurse.browser.goto(f"{platform.demo['auth']}/admin")
    signed_in(nurse, platform)


def test_a_role_is_given_until_a_day_and_taken_away(console: Page, nurse: Person, platform: Platform) -> None:
    last = datetime.now(UTC).date() + timedelta(days=30)
    console.get_by_text("Give a role", exact=True).click()
    console.get_by_label("Role", exact=True).select_option("pharmacist")
    console.get_by_label("Last day").first.fill(last.isoformat())
    console.get_by_role("button", name="Give the role").click()
    row = console.get_by_test_id("role-row").filter(has_text="pharmacist")
    expect(row).to_contain_text(f"{last:%-d %b %Y}")
    console.get_by_role("button", name="Withdraw the role pharmacist").click()
    expect(note(console)).to_contain_text("The role is withdrawn.")
    expect(row).to_have_count(0)
    is_out(nurse, platform)


def test_a_right_to_a_sensitive_label_is_said_in_words_and_ends(console: Page, nurse: Person) -> None:
    console.get_by_text("Give a right", exact=True).click()
    console.get_by_label("Label").select_option(label="Psychiatric disorder (PSY)")
    console.get_by_label("Last day").last.fill((datetime.now(UTC).date() + timedelta(days=3)).isoformat())
    console.get_by_role("button", name="Give the right").click()
    row = console.get_by_test_id("label-row")
    expect(row).to_contain_text("Psychiatric disorder")
    expect(row).to_contain_text("ends soon")
    console.get_by_role("button", name="Withdraw the right to Psychiatric disorder").click()
    expect(row).to_have_count(0)


def test_a_forgotten_password_is_replaced_by_a_link(
    console: Page, nurse: Person, opens: Opens, platform: Platform
) -> None:
    choose_password(opens(), link_for(console), NEW_PASSWORD)
    is_out(nurse, platform)
    sign_in(nurse.browser, nurse.username, nurse.password)
    expect(nurse.browser.get_by_test_id("problem")).to_be_visible()
    sign_in(nurse.browser, nurse.username, NEW_PASSWORD)
    expect(nurse.browser.get_by_role("heading", name="This page is not for you")).to_be_visible()


def token(platform: Platform, client_id: str, client_secret: str) -> int:
    form = {"grant_type": "client_credentials", "scope": "system/Patient.rs"}
    answer = httpx.post(f"{platform.demo['auth']}/token", data=form, auth=(client_id, client_secret))
    return answer.status_code


def test_a_client_is_registered_gets_a_new_secret_and_is_disabled(console: Page, platform: Platform) -> None:
    client_id = f"report-{secrets.token_hex(4)}"
    console.get_by_role("link", name="Clients").click()
    console.get_by_role("link", name="Register a client").click()
    console.get_by_label("Name", exact=True).fill("Night report")
    console.get_by_label("Client id").fill(client_id)
    console.get_by_label("a secret, in the header").check()
    console.get_by_label("act for a person who signs in").uncheck()
    console.get_by_label("go on acting for that person").uncheck()
    console.get_by_label("act for itself").check()
    console.get_by_label("Scopes it may ask for").fill("system/Patient.rs")
    console.get_by_role("button", name="Register").click()
    expect(console.get_by_text("read and search Patient records of everybody")).to_be_visible()
    first = secret(console)
    assert token(platform, client_id, first) == 200

    confirm(console, "New secret…", "Make a new secret")
    second = secret(console)
    assert [token(platform, client_id, each) for each in (first, second)] == [200, 200]
    console.get_by_role("button", name="End the old secret").click()
    expect(note(console)).to_contain_text("The old secret works no longer.")
    assert [token(platform, client_id, each) for each in (first, second)] == [401, 200]

    confirm(console, "Disable…", "Disable")
    assert token(platform, client_id, second) == 401
    console.get_by_role("button", name="Enable").click()
    assert token(platform, client_id, second) == 200


def test_what_is_wrong_with_a_registration_is_said_in_the_forms_words_and_nothing_typed_is_lost(console: Page) -> None:
    console.get_by_role("link", name="Clients").click()
    console.get_by_role("link", name="Register a client").click()
    console.get_by_label("Name", exact=True).fill("Growth chart")
    console.get_by_role("button", name="Register").click()
    expect(console.get_by_test_id("problem")).to_contain_text("needs a redirect URI: the address to come back to")
    expect(console.get_by_label("Name", exact=True)).to_have_value("Growth chart")


def test_a_registration_token_that_nobody_used_is_withdrawn(console: Page, platform: Platform) -> None:
    whom = f"Growth charts {secrets.token_hex(4)}"
    console.get_by_role("link", name="Clients").click()
    console.get_by_role("link", name="Let others register").click()
    console.get_by_label("Whom it is for").fill(whom)
    console.get_by_role("button", name="Make a token").click()
    bearer = secret(console)
    row = console.get_by_test_id("token-row").filter(has_text=whom)
    expect(row).to_be_visible()
    console.get_by_role("button", name=f"Withdraw the token for {whom}").click()
    expect(row).to_have_count(0)
    app = {"client_name": "Chart", "redirect_uris": ["https://app.example/"], "token_endpoint_auth_method": "none"}
    answer = httpx.post(f"{platform.demo['auth']}/register", json=app, headers={"Authorization": f"Bearer {bearer}"})
    assert answer.status_code == 401


def test_one_session_is_ended_and_that_browser_is_out(console: Page, nurse: Person, platform: Platform) -> None:
    console.get_by_role("link", name="Sessions").click()
    console.get_by_role("searchbox", name="Name or username").fill(nurse.username)
    console.get_by_role("button", name="Find").click()
    expect(console.get_by_test_id("session-row")).to_have_count(1)
    console.get_by_role("button", name=f"End the session of {nurse.name}").click()
    expect(note(console)).to_contain_text("That session is over")
    is_out(nurse, platform)


def test_the_signing_keys_are_rotated_and_the_new_ones_wait(console: Page, platform: Platform) -> None:
    console.get_by_role("link", name="Keys").click()
    rows = console.get_by_test_id("key-row")
    before = rows.count()
    console.get_by_test_id("rotate").click()
    expect(note(console)).to_contain_text("New keys are published. They sign in ten minutes")
    expect(rows).to_have_count(before + 2)
    expect(rows.filter(has_text="Next")).to_have_count(2)
    published = {key["kid"] for key in httpx.get(f"{platform.demo['auth']}/jwks").json()["keys"]}
    assert set(console.locator("[data-testid=key-row] td:first-child code").all_inner_texts()) <= published


def test_an_emergency_access_is_reviewed(console: Page, nurse: Person, platform: Platform) -> None:
    known = {"username": nurse.username, "password": nurse.password}
    access = Access({**platform.demo, "users": [*platform.demo["users"], known]})
    bearer = access.user_token(nurse.username, scope="openid fhirUser user/*.cruds")
    glass = f"{platform.demo['gateway']}/v1/nurse/patients/p1/break-glass"
    said = {"reason": "emergency", "note": "Found unconscious in the car park"}
    begun = httpx.post(glass, json=said, headers={"Authorization": f"Bearer {bearer}"}, timeout=20)
    assert begun.status_code == 201, begun.text

    console.get_by_role("link", name="Emergency access").click()
    console.get_by_label("Person, or the patient's id").fill(nurse.username)
    console.get_by_role("button", name="Find").click()
    expect(console.get_by_test_id("glass-row")).to_contain_text("waits")
    console.get_by_role("link", name="Review").click()
    expect(console.get_by_test_id("said")).to_have_text("Found unconscious in the car park")
    console.get_by_label("Justified").check()
    console.get_by_label("Note").fill("Phoned the ward")
    console.get_by_test_id("review-button").click()
    expect(note(console)).to_contain_text("Your review is kept.")
    console.get_by_label("Person, or the patient's id").fill(nurse.username)
    console.get_by_role("button", name="Find").click()
    expect(console.get_by_test_id("glass-row")).to_contain_text("justified")


def test_a_consent_is_withdrawn_and_the_app_may_go_on_no_longer(
    console: Page, nurse: Person, platform: Platform, registers: Registers
) -> None:
    back = "http://127.0.0.1:9/callback"
    client_id = registers(back, scope="openid offline_access user/Patient.rs")
    query = httpx.QueryParams(
        response_type="code", client_id=client_id, redirect_uri=back, scope="openid user/Patient.rs", state="s",
        aud=platform.demo["fhir"], code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        code_challenge_method="S256",
    )  # fmt: skip
    allow = nurse.browser.get_by_role("button", name="Allow", exact=True)
    nurse.browser.goto(f"{platform.demo['auth']}/authorize?{query}")
    with nurse.browser.expect_request(lambda request: request.url.startswith(back)):
        allow.click()

    console.get_by_role("link", name="Consents").click()
    console.get_by_label("Person or app").fill(nurse.username)
    console.get_by_role("button", name="Find").click()
    row = console.get_by_test_id("consent-row")
    expect(row).to_have_count(1)
    console.get_by_role("button", name=re.compile(f"Withdraw what {nurse.name} allowed")).click()
    expect(note(console)).to_contain_text("Withdrawn.")
    nurse.browser.goto(f"{platform.demo['auth']}/authorize?{query}")
    expect(allow).to_be_visible()


def test_an_administrator_comes_from_the_workbench_without_signing_in_again(page: Page, platform: Platform) -> None:
    page.goto(platform.demo["gateway"])
    page.get_by_test_id("sign-in").click()
    sign_in(page, "admin", next(u["password"] for u in platform.demo["users"] if u["username"] == "admin"))
    page.get_by_test_id("administration").click()
    expect(page.get_by_role("heading", name="Users")).to_be_visible()
    page.get_by_role("link", name="Workbench").click()
    expect(page.get_by_test_id("administration")).to_be_visible()


def test_the_workbench_offers_administration_to_administrators_only(page: Page, platform: Platform) -> None:
    page.goto(platform.demo["gateway"])
    page.get_by_test_id("sign-in").click()
    sign_in(page, "physician", next(u["password"] for u in platform.demo["users"] if u["username"] == "physician"))
    expect(page.get_by_test_id("person")).to_be_visible()
    expect(page.get_by_test_id("administration")).to_have_count(0)


def tab_to(page: Page, name: str) -> None:
    """Presses Tab until what has this name has the focus, which has to be seen."""
    focused = page.locator(":focus")
    for _ in range(TABS_MAX):
        page.keyboard.press("Tab")
        if focused.count() and name in (focused.evaluate(_NAME) or ""):
            outline = focused.evaluate("e => getComputedStyle(e).outlineStyle + ' ' + getComputedStyle(e).outlineWidth")
            assert outline == "solid 3px", f"{name}: {outline}"
            return
    raise AssertionError(f"{name} is not reached by Tab")


_NAME = "e => e.getAttribute('aria-label') || (e.labels && e.labels.length ? e.labels[0].innerText : e.innerText)"


def test_a_user_is_made_given_a_role_and_disabled_by_the_keyboard_alone(console: Page) -> None:
    username = f"keys-{secrets.token_hex(4)}"
    for name in ("Skip to content",):
        tab_to(console, name)
        console.keyboard.press("Enter")
    tab_to(console, "New user")
    console.keyboard.press("Enter")
    expect(console.get_by_role("heading", name="New user")).to_be_visible()
    tab_to(console, "Username")
    console.keyboard.type(username)
    tab_to(console, "Name")
    console.keyboard.type("Kim Keys")
    tab_to(console, "nurse")
    console.keyboard.press("Space")
    console.keyboard.press("Enter")
    expect(note(console)).to_contain_text("The user is made.")
    tab_to(console, "Give a role")
    console.keyboard.press("Enter")
    tab_to(console, "Role")
    console.keyboard.type("phys")
    tab_to(console, "Give the role")
    console.keyboard.press("Enter")
    expect(console.get_by_test_id("role-row").filter(has_text="physician")).to_be_visible()
    tab_to(console, "Disable…")
    console.keyboard.press("Enter")
    expect(console.get_by_test_id("confirm")).to_be_visible()
    tab_to(console, "Disable")
    console.keyboard.press("Space")
    expect(note(console)).to_contain_text("They are disabled and signed out everywhere.")
