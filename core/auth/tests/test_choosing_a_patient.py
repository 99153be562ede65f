"""A standalone launch: the person says whom the app is about."""

from typing import Any

import jwt as pyjwt
import pytest

SCOPE = "openid launch/patient patient/*.rs"


async def choosing(flow: Any, username: str = "physician", **changed: Any) -> Any:
    """The page on which that person chooses."""
    answer = await flow.sign_in(username, **{"scope": SCOPE} | changed)
    assert answer.headers["location"].startswith("/patient?"), answer.headers["location"]
    return await flow.browser.get(answer.headers["location"])


async def test_a_clinician_chooses_and_the_app_is_confined_to_that_patient(flow: Any, told: Any) -> None:
    page = await choosing(flow)
    assert (page.status_code, "<script" in page.text, "Okafor" in page.text) == (200, False, False)
    found = await flow.submit(page, "/patient", term="okafor")
    assert 'value="p1"' in found.text
    assert "Okafor, Margaret" in found.text
    assert "born 1954-11-02 · female · no number" in found.text
    tokens = (await flow.redeem(told(await flow.submit(found, "/patient", patient="p1"))["code"])).json()
    claims = pyjwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert (tokens["patient"], tokens["need_patient_banner"], tokens["scope"]) == ("p1", True, SCOPE)
    assert (claims["patient"], claims["roles"], claims["scope"]) == ("p1", ["physician"], SCOPE)


async def test_a_patient_who_is_known_need_not_be_searched_for(flow: Any, told: Any) -> None:
    assert "code" in told(await flow.submit(await choosing(flow), "/patient", patient="p2"))


async def test_what_records_say_is_escaped_and_a_merged_one_is_not_offered(flow: Any) -> None:
    found = await flow.submit(await choosing(flow), "/patient", term="okafor")
    assert "&lt;b&gt;Chidi" in found.text
    assert 'value="gone"' not in found.text


@pytest.mark.parametrize("term", ["nobody", "  ", "%", "\\,|$", "x" * 5000, "é\u2028"])
async def test_whatever_is_typed_finds_nobody_rather_than_failing(flow: Any, term: str) -> None:
    found = await flow.submit(await choosing(flow), "/patient", term=term)
    assert (found.status_code, "patient-row" in found.text) == (200, False)


async def test_each_sees_whom_they_may_open(flow: Any) -> None:
    found = await flow.submit(
        await choosing(flow, "frontdesk", scope="launch/patient user/Patient.r"), "/patient", term="okafor"
    )
    assert ('value="p1"' in found.text, 'value="p2"' in found.text) == (True, False)


async def test_a_patient_is_not_asked(flow: Any, told: Any) -> None:
    tokens = (await flow.redeem(told(await flow.sign_in("patient", scope=SCOPE))["code"])).json()
    assert (tokens["patient"], tokens["scope"]) == ("p1", SCOPE)


async def test_who_may_open_no_record_chooses_none(flow: Any, told: Any) -> None:
    tokens = (await flow.redeem(told(await flow.sign_in("admin", scope=SCOPE))["code"])).json()
    assert ("patient" in tokens, tokens["scope"]) == (False, "openid")


async def test_silently_nobody_can_choose(flow: Any, told: Any) -> None:
    await flow.sign_in()
    assert told(await flow.authorize(scope=SCOPE, prompt="none"))["error"] == "interaction_required"


async def test_the_choice_is_refreshed_with_the_token(flow: Any, told: Any) -> None:
    page = await choosing(flow, scope=f"{SCOPE} online_access")
    tokens = (await flow.redeem(told(await flow.submit(page, "/patient", patient="p2"))["code"])).json()
    again = (await flow.refresh(tokens["refresh_token"])).json()
    assert (again["patient"], again["scope"]) == ("p2", tokens["scope"])


async def test_a_forged_choice_is_refused(flow: Any) -> None:
    page = await choosing(flow)
    assert (await flow.submit(page, "/patient", patient="p1", csrf="0" * 64)).status_code == 403


async def test_a_choice_does_not_replace_a_sign_in(flow: Any) -> None:
    page = await flow.sign_in_page(scope=SCOPE)
    answer = await flow.submit(page, "/patient", patient="p1")
    assert answer.headers["location"].startswith("/sign-in?")


async def test_a_choice_that_was_not_asked_for_is_refused(flow: Any, told: Any) -> None:
    await flow.sign_in(client_id="foreign", scope="openid patient/*.rs user/Patient.r")
    waiting = await flow.authorize(client_id="foreign", scope="openid patient/*.rs user/Patient.r")
    page = await flow.browser.get(waiting.headers["location"])
    answer = told(await flow.submit(page, "/patient", patient="p1"))
    assert (answer["error"], answer["error_description"]) == (
        "access_denied",
        "the patient is not one this person may choose",
    )


async def test_records_that_do_not_answer_are_told_apart_from_nobody_found(flow: Any, authority: Any) -> None:
    page = await choosing(flow)
    authority.records._transport.handler.away = True
    for form in ({"term": "okafor"}, {"patient": "p1"}):
        answer = await flow.submit(page, "/patient", **form)
        assert (answer.status_code, "cannot be looked up just now" in answer.text) == (503, True)
