"""Consent: what a person allows an app of others, in words, in part, and until it is taken back."""

import re
from typing import Any

import pytest

from bedside.auth.consent import withdraw_consent
from bedside.auth.directory import user_named
from bedside.auth.scope_words import choices, in_words
from bedside.identity.roles import ceiling
from bedside.identity.scopes import Scopes

LABORATORY = "category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory"
PROBLEMS = "category=http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item"


async def consenting(flow: Any, username: str = "physician", **changed: Any) -> Any:
    """The page on which that person is asked by an app of others."""
    answer = await flow.sign_in(username, client_id="foreign", **changed)
    assert answer.headers["location"].startswith("/consent?"), answer.headers["location"]
    return await flow.browser.get(answer.headers["location"])


def offered(page: Any) -> list[str]:
    return [value.replace("&amp;", "&") for value in re.findall(r'name="scope" value="([^"]+)"', page.text)]


async def test_an_app_of_others_asks_the_person(flow: Any, told: Any) -> None:
    scope = "openid user/Patient.rs user/Observation.rs"
    answer = await flow.sign_in(client_id="foreign", scope=scope)
    page = await flow.browser.get(answer.headers["location"])
    assert "&lt;b&gt;foreign" in page.text
    assert "In every record you may open" in page.text
    assert "read measurements and results" in page.text
    chosen = {"decision": "allow", "scope": "user/Patient.rs"}
    code = told(await flow.submit(page, "/consent", **chosen))["code"]
    assert (await flow.redeem(code, client_id="foreign")).json()["scope"] == "user/Patient.rs"
    assert told(await flow.authorize(client_id="foreign", scope=scope, prompt="none"))["error"] == "consent_required"
    assert "code" in told(await flow.authorize(client_id="foreign", scope="user/Patient.r", prompt="none"))


async def test_a_person_may_decline(flow: Any, told: Any) -> None:
    answer = await flow.sign_in(client_id="foreign")
    page = await flow.browser.get(answer.headers["location"])
    forged = await flow.submit(page, "/consent", decision="allow", csrf="x")
    assert forged.status_code == 403
    assert told(await flow.submit(page, "/consent", decision="deny"))["error"] == "access_denied"


async def test_consent_cannot_give_more_than_was_asked(flow: Any, told: Any) -> None:
    answer = await flow.sign_in(client_id="foreign", scope="user/Patient.r")
    page = await flow.browser.get(answer.headers["location"])
    assert told(await flow.submit(page, "/consent", decision="allow", scope="user/*.cruds"))["code"]


async def test_a_person_narrows_to_categories(flow: Any, told: Any) -> None:
    page = await consenting(flow, "patient", scope="launch/patient patient/Observation.rs patient/Condition.rs")
    laboratory, problems = f"patient/Observation.rs?{LABORATORY}", f"patient/Condition.rs?{PROBLEMS}"
    assert {laboratory, problems} <= set(offered(page))
    chosen = {"decision": "allow", "scope": ["launch/patient", laboratory, problems]}
    code = told(await flow.submit(page, "/consent", **chosen))["code"]
    tokens = (await flow.redeem(code, client_id="foreign")).json()
    assert (tokens["scope"], tokens["patient"]) == (f"launch/patient {laboratory} {problems}", "p1")


async def test_a_person_unticks_resources_of_a_wildcard(flow: Any, told: Any) -> None:
    page = await consenting(flow, "patient", scope="launch/patient patient/*.rs")
    kept = ["launch/patient", "patient/AllergyIntolerance.rs", f"patient/Observation.rs?{LABORATORY}"]
    assert set(kept) <= set(offered(page))
    code = told(await flow.submit(page, "/consent", decision="allow", scope=kept))["code"]
    assert (await flow.redeem(code, client_id="foreign")).json()["scope"] == " ".join(kept)


async def test_what_is_allowed_whole_keeps_the_clients_spelling(flow: Any, told: Any) -> None:
    scope = "openid launch/patient patient/Observation.read patient/Condition.rs?" + PROBLEMS
    page = await consenting(flow, "patient", scope=scope)
    code = told(await flow.submit(page, "/consent", decision="allow", scope=scope.split()))["code"]
    assert (await flow.redeem(code, client_id="foreign")).json()["scope"] == scope


async def test_nothing_ticked_is_a_refusal(flow: Any, told: Any) -> None:
    page = await consenting(flow)
    assert told(await flow.submit(page, "/consent", decision="allow"))["error"] == "access_denied"


async def test_the_page_works_without_a_script_and_names_the_patient(flow: Any) -> None:
    answer = await flow.sign_in(client_id="foreign", scope="launch/patient patient/Patient.r")
    choosing = await flow.browser.get(answer.headers["location"])
    asked = await flow.submit(choosing, "/patient", patient="p2")
    page = await flow.browser.get(asked.headers["location"])
    assert "In the record of Okafor, &lt;b&gt;Chidi" in page.text
    assert "<script" not in page.text


async def test_a_form_about_another_patient_is_shown_again(flow: Any, told: Any) -> None:
    answer = await flow.sign_in(client_id="foreign", scope="launch/patient patient/Patient.r")
    choosing = await flow.browser.get(answer.headers["location"])
    first = await flow.browser.get((await flow.submit(choosing, "/patient", patient="p2")).headers["location"])
    second = await flow.browser.get((await flow.submit(choosing, "/patient", patient="p1")).headers["location"])
    scope = ["launch/patient", "patient/Patient.r"]
    shown = await flow.submit(first, "/consent", decision="allow", scope=scope)
    assert (shown.status_code, "Okafor, Margaret" in shown.text) == (200, True)
    code = told(await flow.submit(second, "/consent", decision="allow", scope=scope))["code"]
    assert (await flow.redeem(code, client_id="foreign")).json()["patient"] == "p1"


async def test_consent_is_remembered_until_more_is_asked(flow: Any, told: Any) -> None:
    page = await consenting(flow, scope="openid user/Patient.rs user/Condition.rs")
    await flow.submit(page, "/consent", decision="allow", scope=["openid", "user/Patient.rs", "user/Condition.rs"])
    for scope, error in (("openid user/Patient.r", None), ("openid user/Patient.rs user/Goal.rs", "consent_required")):
        assert told(await flow.authorize(client_id="foreign", scope=scope, prompt="none")).get("error") == error


async def test_another_consent_takes_back_only_what_it_showed(flow: Any, told: Any) -> None:
    page = await consenting(flow, scope="openid user/Patient.rs user/Condition.rs")
    await flow.submit(page, "/consent", decision="allow", scope=["openid", "user/Patient.rs", "user/Condition.rs"])
    again = await flow.authorize(client_id="foreign", scope="user/Condition.rs user/Goal.rs")
    page = await flow.browser.get(again.headers["location"])
    await flow.submit(page, "/consent", decision="allow", scope=["user/Goal.rs"])
    for scope, allowed in (("user/Patient.rs", True), ("user/Goal.rs", True), ("user/Condition.rs", False)):
        answer = told(await flow.authorize(client_id="foreign", scope=scope, prompt="none"))
        assert ("code" in answer) is allowed


async def test_an_app_may_have_the_person_asked_again(flow: Any) -> None:
    await flow.sign_in()
    assert (await flow.authorize(prompt="consent")).headers["location"].startswith("/consent?")


async def test_withdrawing_consent_ends_what_the_app_holds(flow: Any, told: Any, authority: Any, server: Any) -> None:
    scope = ["openid", "online_access", "user/Patient.rs"]
    page = await consenting(flow, scope=" ".join(scope))
    code = told(await flow.submit(page, "/consent", decision="allow", scope=scope))["code"]
    tokens = (await flow.redeem(code, client_id="foreign")).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await server.get("/userinfo", headers=bearer)).status_code == 200
    with authority.units.unit() as session:
        user = user_named(session, "physician")
        withdrawal = {"user_id": user.id, "client_id": "foreign", "by": user.id}
        assert withdraw_consent(authority, session, **withdrawal)
        assert not withdraw_consent(authority, session, **withdrawal)
    assert (await server.get("/userinfo", headers=bearer)).status_code == 401
    answer = told(await flow.authorize(client_id="foreign", scope="user/Patient.rs", prompt="none"))
    assert answer["error"] == "consent_required"


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("user/Observation.rs", "read measurements and results"),
        ("user/Observation.read", "read measurements and results"),
        ("patient/*.cruds", "read, add, change and delete everything"),
        ("patient/AllergyIntolerance.cu", "add and change allergies"),
        ("patient/FamilyMemberHistory.rs", "read family member history"),
        (f"patient/Observation.rs?{LABORATORY}", "read laboratory results"),
        ("patient/Observation.rs?status=final", "read measurements and results, only where status=final"),
        ("offline_access", "go on while you are away, for up to a year"),
        ("something", "something"),
    ],
)
def test_scopes_in_words(scope: str, words: str) -> None:
    assert in_words(scope) == words


@pytest.mark.parametrize("scope", ["patient/*.cruds", "user/*.rs", "user/Observation.cu", "user/Condition.read"])
@pytest.mark.parametrize("role", ["physician", "frontdesk", "patient", "admin"])
def test_the_parts_are_within_the_whole_and_those_of_a_wildcard_within_the_role(scope: str, role: str) -> None:
    most = ceiling(frozenset({role}))
    (choice,) = choices(Scopes.parse(scope), most)
    for part in choice.parts:
        assert Scopes.parse(scope).covers(Scopes.parse(part.scope))
        assert "*" not in scope or most.covers(Scopes.parse(part.scope))


def test_a_wildcard_of_a_physician_shows_what_they_may_change() -> None:
    (choice,) = choices(Scopes.parse("user/*.cruds"), ceiling(frozenset({"physician"})))
    parts = {part.scope for part in choice.parts}
    assert {"user/Patient.rs", "user/Observation.crus"} <= parts
    assert not any(part.startswith("user/AuditEvent") for part in parts)
