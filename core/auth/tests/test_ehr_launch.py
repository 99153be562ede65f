"""An EHR launches an app for the patient on its screen."""

from typing import Any

import jwt as pyjwt
import pytest
from sqlmodel import select

from bedside.auth.tables import AuditEvent

SCOPE = "openid launch patient/*.rs"
ISSUER = "http://127.0.0.1:8003"


async def opened(flow: Any, bearer: str | None = None, **changed: Any) -> Any:
    """What `/launch` answers to a physician's workbench."""
    bearer = bearer or (await flow.tokens(scope="openid user/*.rs"))["access_token"]
    asked = {"client_id": "app", "patient": "p2", "encounter": "e2", "intent": "reconcile"} | changed
    body = {name: value for name, value in asked.items() if value is not None}
    return await flow.browser.post("/launch", json=body, headers={"Authorization": f"Bearer {bearer}"})


async def launched(flow: Any, told: Any, **changed: Any) -> dict[str, Any]:
    """The token response of an app that was launched so."""
    scope = changed.pop("scope", SCOPE)
    launch = (await opened(flow, **changed)).json()["launch"]
    code = told(await flow.authorize(scope=scope, launch=launch))["code"]
    answer: dict[str, Any] = (await flow.redeem(code)).json()
    return answer


async def test_the_context_of_the_screen_arrives_with_the_token(flow: Any, told: Any) -> None:
    others = [
        {"reference": "ServiceRequest/s1", "role": "https://example.org/role/order"},
        {"reference": "Patient/p1", "role": "https://example.org/role/donor"},
        {"reference": "Task/t1", "role": "launch"},
        {"reference": "Questionnaire/q1"},
    ]
    tokens = await launched(flow, told, fhirContext=others, need_patient_banner=False)
    context = {
        "patient": "p2",
        "encounter": "e2",
        "fhirContext": others,
        "intent": "reconcile",
        "need_patient_banner": False,
        "smart_style_url": f"{ISSUER}/static/smart-style.json",
    }
    assert {name: tokens[name] for name in context} == context
    assert tokens["scope"] == SCOPE
    claims = pyjwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert (claims["patient"], claims["encounter"], claims["fhirContext"]) == ("p2", "e2", others)


async def test_the_context_is_refreshed_with_the_token(flow: Any, told: Any) -> None:
    tokens = await launched(flow, told, scope=f"{SCOPE} online_access")
    again = (await flow.refresh(tokens["refresh_token"])).json()
    for name in ("patient", "encounter", "intent", "need_patient_banner", "smart_style_url", "scope"):
        assert again[name] == tokens[name]


async def test_an_exchanged_token_keeps_the_context(flow: Any, told: Any) -> None:
    tokens = await launched(flow, told, fhirContext=[{"reference": "Task/t1"}])
    exchanged = (await flow.exchange(tokens["access_token"])).json()["access_token"]
    claims = pyjwt.decode(exchanged, options={"verify_signature": False})
    assert (claims["patient"], claims["encounter"], claims["fhirContext"]) == ("p2", "e2", [{"reference": "Task/t1"}])


async def test_the_style_is_there_for_every_origin(server: Any, flow: Any, told: Any) -> None:
    answer = await server.get(
        (await launched(flow, told))["smart_style_url"], headers={"Origin": "https://app.example"}
    )
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert answer.json()["color_text"].startswith("#")


async def test_a_launch_without_a_patient_lets_the_person_choose_if_the_app_asks(flow: Any, told: Any) -> None:
    launch = (await opened(flow, patient=None, encounter=None)).json()["launch"]
    asked = await flow.authorize(scope="launch launch/patient patient/*.rs", launch=launch)
    page = await flow.browser.get(asked.headers["location"])
    code = told(await flow.submit(page, "/patient", patient="p1"))["code"]
    assert (await flow.redeem(code)).json()["patient"] == "p1"


async def test_without_a_launch_the_launch_scopes_are_not_granted(flow: Any) -> None:
    assert (await flow.tokens(scope="openid launch launch/encounter user/Patient.r"))[
        "scope"
    ] == "openid user/Patient.r"


async def test_a_patients_app_is_launched_for_that_patient_only(flow: Any) -> None:
    bearer = (await flow.tokens("patient", scope="openid patient/*.rs"))["access_token"]
    mine = await opened(flow, bearer, patient="p1", encounter=None)
    anothers = await opened(flow, bearer, patient="p2", encounter=None)
    assert (mine.status_code, anothers.status_code) == (201, 404)


@pytest.mark.parametrize(
    "changed",
    [
        {"patient": "p3", "encounter": None},
        {"patient": "gone", "encounter": None},
        {"encounter": "e1"},
        {"encounter": "e9"},
        {"patient": None},
    ],
)
async def test_what_the_person_may_not_open_is_not_launched(flow: Any, authority: Any, changed: Any) -> None:
    answer = await opened(flow, **changed)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["detail"] == "No such patient or encounter is one this person may open."
    with authority.units.reading() as session:
        logged = session.exec(select(AuditEvent).where(AuditEvent.action == "launch-opened")).one()
    assert (logged.outcome, logged.client_id) == ("refused", "app")


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"client_id": "nobody"}, 400),
        ({"client_id": "integrator"}, 400),
        ({"client_id": None}, 400),
        ({"patient": "../p1"}, 400),
        ({"patient": ["p1"]}, 400),
        ({"patient": 1}, 400),
        ({"intent": "x" * 201}, 400),
        ({"surprise": 1}, 400),
        ({"fhirContext": [{"reference": "javascript:alert(1)"}]}, 400),
        ({"fhirContext": [{"reference": "Task/1"}] * 21}, 400),
        ({"fhirContext": [{"reference": "Patient/p1"}]}, 400),
        ({"fhirContext": [{"reference": "Encounter/e2", "role": "launch"}]}, 400),
        ({"fhirContext": [{"reference": "Task/1", "role": ""}]}, 400),
        ({"fhirContext": [{"reference": "Task/1", "role": "mine"}]}, 400),
        ({"fhirContext": "x" * 17_000}, 413),
    ],
)
async def test_a_launch_that_makes_no_sense_is_refused(flow: Any, changed: Any, status: int) -> None:
    assert (await opened(flow, **changed)).status_code == status


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff", b'{"client_id":', b"[" * 5000])
async def test_a_body_that_is_no_launch_is_refused(flow: Any, content: bytes) -> None:
    bearer = (await flow.tokens(scope="openid user/*.rs"))["access_token"]
    answer = await flow.browser.post("/launch", content=content, headers={"Authorization": f"Bearer {bearer}"})
    assert answer.status_code == 400


async def test_only_a_person_who_reads_patients_opens_one(flow: Any, server: Any) -> None:
    narrow = (await flow.tokens(scope="openid user/Observation.rs"))["access_token"]
    program = await server.post(
        "/token",
        data={"grant_type": "client_credentials", "scope": "system/*.rs"},
        auth=("integrator", "integrator-secret"),
    )
    for bearer, status in ((narrow, 403), (program.json()["access_token"], 403), ("x", 401)):
        assert (await opened(flow, bearer)).status_code == status


async def test_records_that_do_not_answer_launch_nothing(flow: Any, authority: Any) -> None:
    bearer = (await flow.tokens(scope="openid user/*.rs"))["access_token"]
    authority.records._transport.handler.away = True
    answer = await opened(flow, bearer)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
