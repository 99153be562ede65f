"""Breaking the glass at the gateway: what it opens, for whom, and what is said when it stays whole."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from bedside.gateway.emergencies import AuthsEmergencies, NotBroken
from bedside.gateway.viewing.testing import EXAMPLES_NOW, RecordsInMemory, ViewsInMemory
from bedside.identity import BrokenGlass, Caller, Denylist, Exchange, ServiceLogin, Unreachable
from bedside.identity.emergency import emergency_claims
from bedside.identity.testing import TestIssuer
from bedside.service import RealClock

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "name": [{"family": "Okafor", "given": ["Margaret"]}],
    "birthDate": "1954-11-02",
    "identifier": [{"type": {"coding": [{"code": "MR"}]}, "value": "MRN-1001"}],
}
GLASS = "/physician/patients/p1/break-glass"
CHART = "/physician/patients/p1/chart"
ASKED = {"reason": "emergency", "note": "Found unconscious in the car park"}


def problem_labelled(id_: str, label: str) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": id_,
        "meta": {"security": [{"code": label}]},
        "subject": {"reference": "Patient/p1"},
        "code": {"text": f"Problem {id_}"},
        "clinicalStatus": {"coding": [{"code": "active"}]},
    }


@pytest.fixture
def records() -> RecordsInMemory:
    return RecordsInMemory([PATIENT, problem_labelled("c1", "HIV")])


@pytest.fixture
def views(records: RecordsInMemory) -> ViewsInMemory:
    return ViewsInMemory(records)


async def seen(views: ViewsInMemory, path: str = CHART) -> tuple[list[str], dict[str, Any]]:
    """The problems of the chart, and what it says of hidden ones."""
    chart = (await views.get(path)).json()
    return [each["name"] for each in chart["activeProblems"]["items"]], chart["restricted"]


async def test_it_opens_the_labelled_records_of_one_patient_until_it_is_ended(views: ViewsInMemory) -> None:
    assert await seen(views) == ([], {"hidden": True, "breakGlass": "available"})
    begun = await views.post(GLASS, ASKED)
    assert (begun.status_code, begun.json()) == (
        201,
        {
            "patientId": "p1",
            "breakGlass": "active",
            "id": "g1",
            "until": (EXAMPLES_NOW + timedelta(minutes=30)).isoformat(),
        },
    )
    assert await seen(views) == (["Problem c1"], {"hidden": False, "breakGlass": "active"})
    assert (await views.get(GLASS)).json() == begun.json()
    closed = {"patientId": "p1", "breakGlass": "available", "id": None, "until": None}
    assert (await views.post(f"{GLASS}/end")).json() == closed
    assert await seen(views) == ([], {"hidden": True, "breakGlass": "available"})


async def test_psychotherapy_notes_stay_hidden(records: RecordsInMemory, views: ViewsInMemory) -> None:
    records.records = [PATIENT, problem_labelled("c1", "HIV"), problem_labelled("c2", "PSYTHPN")]
    await views.post(GLASS, ASKED)
    assert await seen(views) == (["Problem c1"], {"hidden": True, "breakGlass": "available"})


async def test_another_patients_glass_opens_nothing(views: ViewsInMemory) -> None:
    views.emergencies.standing_for["p2"] = BrokenGlass("g2", "p2", EXAMPLES_NOW)
    assert await seen(views) == ([], {"hidden": True, "breakGlass": "available"})


async def test_what_auth_does_not_vouch_for_is_not_open(views: ViewsInMemory) -> None:
    await views.post(GLASS, ASKED)
    views.emergencies.silent = True
    assert await seen(views) == ([], {"hidden": True, "breakGlass": "available"})
    assert (await views.get(GLASS)).status_code == 503


async def test_a_second_time_the_same_one_is_answered(views: ViewsInMemory) -> None:
    first, again = await views.post(GLASS, ASKED), await views.post(GLASS, ASKED)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


@pytest.mark.parametrize("role", ["physician", "nurse", "pharmacist"])
async def test_clinical_roles_may(views: ViewsInMemory, role: str) -> None:
    assert (await views.post(f"/{role}/patients/p1/break-glass", ASKED)).status_code == 201


@pytest.mark.parametrize("role", ["frontdesk", "coordinator", "billing", "patient", "admin"])
async def test_other_roles_may_not(views: ViewsInMemory, role: str) -> None:
    answer = await views.post(GLASS, ASKED, role=role)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:problem:not-your-role")
    assert (await views.post(f"/{role}/patients/p1/break-glass", ASKED)).status_code == 404
    assert views.emergencies.begun == []


async def test_the_view_of_a_role_without_it_shows_no_more(records: RecordsInMemory, views: ViewsInMemory) -> None:
    start = EXAMPLES_NOW + timedelta(hours=1)
    appointment = {
        "resourceType": "Appointment", "id": "a1", "status": "booked", "start": start.isoformat(),
        "meta": {"security": [{"code": "HIV"}]}, "serviceType": [{"text": "HIV clinic"}],
        "participant": [{"actor": {"reference": "Patient/p1"}, "status": "accepted"}],
    }  # fmt: skip
    records.records.append(appointment)
    await views.post(GLASS, ASKED)
    assert "HIV" not in (await views.get("/frontdesk/patients/p1/card")).text


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (None, [""]),
        (b"", [""]),
        (b"[]", [""]),
        (b"\xff", [""]),
        ({}, ["/note", "/reason"]),
        ({"reason": "curiosity", "note": ASKED["note"]}, ["/reason"]),
        ({"reason": "emergency", "note": "short"}, ["/note"]),
        ({"reason": "emergency", "note": "          x          "}, ["/note"]),
        ({"reason": "emergency", "note": "x" * 501}, ["/note"]),
        (ASKED | {"minutes": 600}, ["/minutes"]),
    ],
    ids=str,
)
async def test_each_field_that_is_wrong_is_named(views: ViewsInMemory, body: Any, pointers: list[str]) -> None:
    answer = await views.post(GLASS, body)
    assert answer.status_code == 422
    assert sorted(each["pointer"] for each in answer.json()["errors"]) == pointers
    assert views.emergencies.begun == []


async def test_too_large_a_body_is_not_read(views: ViewsInMemory) -> None:
    assert (await views.post(GLASS, ASKED | {"note": "x" * 9_000})).status_code == 413


async def test_nothing_is_opened_for_a_patient_who_is_not_there(records: RecordsInMemory, views: ViewsInMemory) -> None:
    assert (await views.post("/physician/patients/nobody/break-glass", ASKED)).status_code == 404
    records.records = [{**PATIENT, "link": [{"type": "replaced-by", "other": {"reference": "Patient/p9"}}]}]
    merged = await views.post(GLASS, ASKED)
    assert (merged.status_code, merged.json()["survivor"]) == (410, "p9")
    assert views.emergencies.begun == []


async def test_a_number_leads_to_the_patient(views: ViewsInMemory) -> None:
    answer = await views.post("/physician/patients/mrn:MRN-1001/break-glass", ASKED)
    assert (answer.status_code, answer.headers["Location"]) == (307, GLASS)


async def test_who_has_to_show_anew_who_they_are_is_told_how(views: ViewsInMemory) -> None:
    challenge = 'Bearer error="insufficient_user_authentication", max_age="300"'
    views.emergencies.refused = NotBroken(401, "Show who you are.", challenge, 300, "urn:a phr")
    answer = await views.post(GLASS, ASKED)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, challenge)
    told = answer.json()
    assert told["type"] == "urn:problem:insufficient-user-authentication"
    assert (told["max_age"], told["acr_values"]) == (300, "urn:a phr")


@dataclass
class Auth:
    """Exchanges and keeps what is broken, as auth does."""

    issuer: TestIssuer = field(default_factory=TestIssuer)
    standing: list[BrokenGlass] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    answer: httpx.Response | None = None

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if request.url.path == "/token":
            token = self.issuer.token(**emergency_claims(self.standing))
            return httpx.Response(200, json={"access_token": token, "expires_in": 300})
        if self.answer is not None:
            return self.answer
        if request.url.path == "/glass":
            self.standing = [BrokenGlass("g1", "p1", datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=30))]
        else:
            self.standing = []
        return httpx.Response(200, json={})


@pytest.fixture
async def auth() -> Auth:
    return Auth()


@pytest.fixture
async def emergencies(auth: Auth) -> AsyncIterator[AuthsEmergencies]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(auth)) as http:
        login = ServiceLogin("http://auth/token", "gateway", "secret", http=http)
        yield AuthsEmergencies(
            exchange=Exchange(login, Denylist()), http=http, auth="http://auth", owner="http://patients",
            clock=RealClock(),
        )  # fmt: skip


async def asking(auth: Auth) -> tuple[str, Caller]:
    token = auth.issuer.token("user/*.rs")
    return token, Caller.of(await auth.issuer.verifier().verify(token))


WHY: Mapping[str, str] = {"patient": "p1", "reason": "emergency", "note": "Found unconscious"}


async def test_it_stands_from_the_next_request_on_and_so_does_its_end(
    auth: Auth, emergencies: AuthsEmergencies
) -> None:
    bearer, caller = await asking(auth)
    assert await emergencies.standing(bearer, "p1") is None
    await emergencies.begin(bearer, caller, **WHY)
    stands = await emergencies.standing(bearer, "p1")
    assert stands is not None
    assert stands.id == "g1"
    assert await emergencies.standing(bearer, "p2") is None
    await emergencies.end(bearer, caller, patient="p1")
    assert "/glass/g1/end" in auth.asked
    assert await emergencies.standing(bearer, "p1") is None


async def test_reading_under_it_asks_auth_once(auth: Auth, emergencies: AuthsEmergencies) -> None:
    bearer, _ = await asking(auth)
    for _ in range(5):
        await emergencies.standing(bearer, "p1")
    assert auth.asked == ["/token"]


async def test_a_glass_that_is_over_opens_nothing_although_its_token_is_kept(
    auth: Auth, emergencies: AuthsEmergencies
) -> None:
    auth.standing = [BrokenGlass("g1", "p1", datetime.now(UTC) - timedelta(seconds=1))]
    bearer, _ = await asking(auth)
    assert await emergencies.standing(bearer, "p1") is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(403, json={"detail": "Your role has no emergency access."}), NotBroken),
        (httpx.Response(409, content=b"<html>"), NotBroken),
        (httpx.Response(503), Unreachable),
    ],
    ids=str,
)
async def test_what_auth_refuses_begins_nothing(
    answer: httpx.Response, expected: type[Exception], auth: Auth, emergencies: AuthsEmergencies
) -> None:
    auth.answer = answer
    bearer, caller = await asking(auth)
    with pytest.raises(expected):
        await emergencies.begin(bearer, caller, **WHY)
    assert await emergencies.standing(bearer, "p1") is None
