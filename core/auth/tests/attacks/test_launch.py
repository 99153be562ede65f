"""Attacks 30 and 31: launches that are not this app's or person's, and patients that are not theirs to open."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest

from bedside.auth.directory import Actor, grant_proxy, user_named

CALLBACK = "http://127.0.0.1:8000/callback"
ISSUER = "http://127.0.0.1:8003"
PASSWORD = "correct horse battery staple"
PATIENT_SCOPE = "openid launch/patient patient/*.rs"


def hidden(page: Any, name: str) -> str | None:
    found = re.search(f'type="hidden" name="{name}" value="([^"]*)"', page.text)
    return found[1] if found else None


def refused(answer: dict[str, str]) -> tuple[str, str]:
    """What the app was told at its redirect URI, in the words of which server."""
    assert (answer["iss"], answer["state"], "code" in answer) == (ISSUER, "st", False)
    return answer["error"], answer["error_description"]


async def opened_launch(flow: Any, username: str = "physician", **changed: Any) -> str:
    bearer = (await flow.tokens(username, scope="openid user/*.rs", prompt="login"))["access_token"]
    asked = {"client_id": "app", "patient": "p1"} | changed
    answer = await flow.browser.post("/launch", json=asked, headers={"Authorization": f"Bearer {bearer}"})
    assert answer.status_code == 201, answer.text
    launch: str = answer.json()["launch"]
    return launch


async def launching(flow: Any, launch: str, **changed: Any) -> Any:
    return await flow.authorize(**{"scope": "openid launch patient/*.rs", "launch": launch} | changed)


async def test_attack_30_a_launch_opens_its_context_once(flow: Any, told: Any) -> None:
    launch = await opened_launch(flow)
    code = told(await launching(flow, launch))["code"]
    assert (await flow.redeem(code)).json()["patient"] == "p1"
    assert refused(told(await launching(flow, launch))) == ("invalid_request", "the launch was used before")


async def test_attack_30_requests_that_waited_with_one_launch_have_one_winner(
    flow: Any, told: Any, server: Any
) -> None:
    launch = await opened_launch(flow)
    server.cookies.clear()
    pages = [await server.get((await launching(flow, launch)).headers["location"]) for _ in range(2)]
    first, second = [told(await flow.submit(page, username="physician", password=PASSWORD)) for page in pages]
    assert "code" in first
    assert refused(second) == ("invalid_request", "the launch was used before")


async def test_attack_30_of_four_at_once_one_uses_the_launch(flow: Any) -> None:
    launch = await opened_launch(flow)
    answers = await asyncio.gather(*(launching(flow, launch) for _ in range(4)))
    locations = [answer.headers["location"] for answer in answers]
    assert sorted("code=" in each for each in locations) == [False, False, False, True]
    assert sum("the+launch+was+used+before" in each for each in locations) == 3


@pytest.mark.parametrize("launch", ["unknown", "x" * 3000, "é", "\u202e"])
async def test_attack_30_an_unknown_launch_is_refused(flow: Any, told: Any, launch: str) -> None:
    assert refused(told(await launching(flow, launch))) == (
        "invalid_request",
        "the launch is not one of this client",
    )


async def test_attack_30_another_apps_launch_is_refused_and_not_used(flow: Any, told: Any) -> None:
    launch = await opened_launch(flow)
    stolen = told(await launching(flow, launch, client_id="other"))
    assert refused(stolen) == ("invalid_request", "the launch is not one of this client")
    assert "code" in told(await launching(flow, launch))


async def test_attack_30_another_persons_launch_is_refused_and_not_used(flow: Any, told: Any) -> None:
    launch = await opened_launch(flow)
    await flow.sign_in("frontdesk", prompt="login")
    stolen = told(await launching(flow, launch, scope="openid launch user/Patient.r"))
    assert refused(stolen) == ("access_denied", "the launch is not one of this person")
    await flow.sign_in("physician", prompt="login")
    assert "code" in told(await launching(flow, launch))


async def test_attack_30_an_old_launch_is_refused(flow: Any, told: Any, clock: Any) -> None:
    young, old = await opened_launch(flow), await opened_launch(flow)
    clock.advance(minutes=4, seconds=58)
    assert "code" in told(await launching(flow, young))
    clock.advance(seconds=3)
    assert refused(told(await launching(flow, old))) == ("invalid_request", "the launch has expired")


async def test_attack_30_a_launch_without_its_scope_is_refused(flow: Any, told: Any) -> None:
    launch = await opened_launch(flow)
    assert refused(told(await launching(flow, launch, scope="openid patient/*.rs")))[0] == "invalid_request"
    assert "code" in told(await launching(flow, launch))


async def choosing(flow: Any, username: str, scope: str, **asked: str) -> Any:
    answer = await flow.sign_in(username, scope=scope, **asked)
    return await flow.browser.get(answer.headers["location"])


@pytest.mark.parametrize("patient", ["p2", "p3", "gone", "../p1", "p1/../p2", "p1?x=1", "x" * 500, "\u2028"])
async def test_attack_31_a_patient_beyond_the_users_is_refused(flow: Any, told: Any, patient: str) -> None:
    page = await choosing(flow, "frontdesk", "launch/patient user/Patient.r")
    answer = await flow.submit(page, "/patient", patient=patient)
    assert (answer.status_code, "not one you may open" in answer.text) == (403, True)
    assert "code" in told(await flow.submit(page, "/patient", patient="p1"))


async def test_attack_31_a_patient_cannot_make_an_app_about_another(flow: Any, told: Any) -> None:
    page = await flow.sign_in_page(scope=PATIENT_SCOPE)
    answer = await flow.submit(page, username="patient", password=PASSWORD, patient="p2")
    assert (await flow.redeem(told(answer)["code"])).json()["patient"] == "p1"


async def test_attack_31_the_patient_of_an_ehr_is_not_the_persons_to_change(flow: Any, told: Any, server: Any) -> None:
    launch = await opened_launch(flow, client_id="foreign")
    asked = await launching(flow, launch, client_id="foreign", scope="launch launch/patient patient/Patient.r")
    page = await server.get(asked.headers["location"])
    assert page.url.path == "/consent"
    changed = told(await flow.submit(page, "/patient", patient="p2"))
    assert refused(changed) == ("access_denied", "the patient is not one this person may choose")

    asked = await launching(flow, launch, client_id="foreign", scope="launch launch/patient patient/Patient.r")
    page = await server.get(asked.headers["location"])
    scope = ["launch", "launch/patient", "patient/Patient.r"]
    code = told(await flow.submit(page, "/consent", decision="allow", scope=scope))["code"]
    assert (await flow.redeem(code, client_id="foreign")).json()["patient"] == "p1"


async def test_attack_31_whom_one_person_chose_is_not_chosen_for_the_next(flow: Any, told: Any, server: Any) -> None:
    page = await choosing(flow, "physician", PATIENT_SCOPE, client_id="foreign")
    physicians = await flow.submit(page, "/patient", patient="p2")
    consent = await server.get(physicians.headers["location"])
    assert hidden(consent, "patient") == "p2"
    await flow.submit(await server.get("/end_session"), "/end_session")

    # The next person at this browser finds the request in its history, and signs in.
    page = await server.get((await server.get(physicians.headers["location"])).headers["location"])
    signed_in = await flow.submit(page, username="patient", password=PASSWORD)
    patients = await server.get(signed_in.headers["location"])
    assert hidden(patients, "patient") == "p1"
    allowed = {"decision": "allow", "scope": PATIENT_SCOPE.split()}
    assert (await flow.submit(patients, "/consent", **allowed, patient="p2")).status_code == 200
    code = told(await flow.submit(patients, "/consent", **allowed))["code"]
    assert (await flow.redeem(code, client_id="foreign")).json()["patient"] == "p1"


async def test_attack_31_a_patient_whom_a_proxy_no_longer_stands_for_is_refused(
    flow: Any, told: Any, authority: Any, clock: Any
) -> None:
    with authority.units.unit() as session:
        user = user_named(session, "patient")
        grant_proxy(authority, session, Actor.operator(), user, "p2", until=clock.now() + timedelta(minutes=10))
    page = await choosing(flow, "patient", PATIENT_SCOPE)
    later = await flow.browser.get((await flow.authorize(scope=PATIENT_SCOPE)).headers["location"])
    undecided = await flow.authorize(client_id="foreign", scope=PATIENT_SCOPE)
    undecided = await flow.browser.get(undecided.headers["location"])
    undecided = await flow.browser.get((await flow.submit(undecided, "/patient", patient="p2")).headers["location"])
    code = told(await flow.submit(page, "/patient", patient="p2"))["code"]
    assert (await flow.redeem(code)).json()["patient"] == "p2"

    clock.advance(minutes=11)
    chosen = told(await flow.submit(later, "/patient", patient="p2"))
    assert refused(chosen) == ("access_denied", "the patient is not one this person may choose")
    allowed = told(await flow.submit(undecided, "/consent", decision="allow", scope=PATIENT_SCOPE.split()))
    assert refused(allowed) == ("access_denied", "the patient is not one of this person any more")
