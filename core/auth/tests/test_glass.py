"""Emergency access: what it tells services, and how it ends."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from bedside.auth.directory import Actor, administering, deactivate, user_named, withdraw_role
from bedside.auth.endpoints.revocations import state
from bedside.auth.tables import AuditEvent, Glass
from core.auth.tests.emergencies import ON_SQLITE, audited, broken, claims, ended, exchanged, signed_in, told


@pytest.fixture
async def bearer(flow: Any) -> str:
    token: str = (await signed_in(flow))["access_token"]
    return token


async def test_a_physician_has_emergency_access_to_one_patient_for_half_an_hour(
    server: Any, flow: Any, authority: Any, bearer: str
) -> None:
    assert "btg" not in await exchanged(flow, bearer)
    answer = await broken(server, bearer)
    assert answer.status_code == 201
    glass = answer.json()
    assert (glass["patient"], glass["reason"], glass["ended_at"]) == ("p1", "emergency", None)
    now = authority.clock.now().timestamp()

    said = await exchanged(flow, bearer)
    assert said["purpose_of_use"] == "BTG"
    assert [(each["id"], each["patient"]) for each in said["btg"]] == [(glass["id"], "p1")]
    assert 29 * 60 < said["btg"][0]["until"] - now <= 30 * 60
    assert audited(authority, "glass-broken") == [("success", ["p1"], "BTG", {"reason": "emergency"})]
    ((name, data),) = told(authority)
    assert (name, data["glass"], data["patient"]) == ("break-glass.used.v1", glass["id"], "Patient/p1")


@ON_SQLITE
async def test_why_stays_in_one_table(server: Any, authority: Any, bearer: str) -> None:
    await broken(server, bearer, note="Distinctive words of Dr Grey")
    with authority.units.reading() as session:
        bodies = session.connection().execute(text("SELECT body FROM outbox")).scalars().all()
        rows = [row.model_dump_json() for row in session.exec(select(AuditEvent)).all()]
        kept = session.exec(select(Glass)).one()
    assert kept.note == "Distinctive words of Dr Grey"
    assert not any(b"Distinctive" in bytes(body) for body in bodies)
    assert not any("Distinctive" in row for row in rows)


@ON_SQLITE
async def test_the_apps_own_token_never_speaks_of_it(server: Any, flow: Any, bearer: str) -> None:
    granted = await signed_in(flow)
    await broken(server, granted["access_token"])
    renewed = (await flow.refresh(granted["refresh_token"])).json()["access_token"]
    assert "btg" not in claims(renewed)
    assert (await exchanged(flow, renewed))["btg"][0]["patient"] == "p1"


@ON_SQLITE
async def test_it_ends_by_itself_and_no_token_outlives_it(server: Any, flow: Any, clock: Any, bearer: str) -> None:
    granted = await signed_in(flow)
    await broken(server, granted["access_token"])
    clock.advance(minutes=29)
    late = (await flow.refresh(granted["refresh_token"])).json()
    said = await exchanged(flow, late["access_token"])
    assert said["exp"] == said["btg"][0]["until"]
    clock.advance(minutes=1)
    assert "btg" not in await exchanged(flow, late["access_token"])


@ON_SQLITE
async def test_a_second_breaking_begins_nothing_and_prolongs_nothing(
    server: Any, authority: Any, clock: Any, bearer: str
) -> None:
    first = await broken(server, bearer)
    clock.advance(minutes=1)
    again = await broken(server, bearer, reason="other", note="It is still going on")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert len(told(authority)) == 1


async def test_what_ended_by_itself_can_be_begun_anew(server: Any, flow: Any, authority: Any, clock: Any) -> None:
    first = await broken(server, (await signed_in(flow))["access_token"])
    clock.advance(minutes=31)
    anew = await broken(server, (await signed_in(flow))["access_token"])
    assert anew.status_code == 201
    with authority.units.reading() as session:
        old = session.get_one(Glass, first.json()["id"])
    assert (old.ended_by, old.ended_at) == ("time", old.until)


async def test_of_several_at_once_one_begins(server: Any, authority: Any, bearer: str) -> None:
    answers = await asyncio.gather(*(broken(server, bearer) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(told(authority)) == 1


@ON_SQLITE
async def test_each_patient_is_opened_alone_and_a_bounded_number_at_once(
    server: Any, flow: Any, bearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bedside.auth.glass.breaking.STANDING_MAX", 2)
    assert [(await broken(server, bearer, patient=id_)).status_code for id_ in ("p1", "p2", "p3")] == [201, 201, 409]
    assert [each["patient"] for each in (await exchanged(flow, bearer))["btg"]] == ["p1", "p2"]


async def test_whoever_has_it_ends_it_and_tokens_that_speak_of_it_are_refused(
    server: Any, flow: Any, authority: Any, bearer: str
) -> None:
    glass = (await broken(server, bearer)).json()
    spoken = (await flow.exchange(bearer)).json()["access_token"]
    answer = await ended(server, bearer, glass["id"])
    assert answer.status_code == 200
    assert answer.json()["ended_at"] is not None

    assert "btg" not in await exchanged(flow, bearer)
    refused = {(row["kind"], row["value"]) for row in state(authority)["revocations"]}
    assert ("glass", glass["id"]) in refused
    introspected = await server.post("/introspect", data={"token": spoken}, auth=("gateway", "gateway-secret"))
    assert introspected.json() == {"active": False}
    assert [name for name, _ in told(authority)] == ["break-glass.used.v1", "break-glass.ended.v1"]
    assert audited(authority, "glass-ended") == [("success", ["p1"], "BTG", {"by": "user"})]
    assert (await ended(server, bearer, glass["id"])).json() == answer.json()
    assert len(told(authority)) == 2


@ON_SQLITE
async def test_before_it_is_ended_such_a_token_is_good(server: Any, flow: Any, bearer: str) -> None:
    await broken(server, bearer)
    spoken = (await flow.exchange(bearer)).json()["access_token"]
    introspected = await server.post("/introspect", data={"token": spoken}, auth=("gateway", "gateway-secret"))
    assert introspected.json()["active"] is True


@ON_SQLITE
async def test_nobody_ends_anothers(server: Any, flow: Any, authority: Any, bearer: str) -> None:
    glass = (await broken(server, bearer)).json()
    with authority.units.unit() as session:
        physician = user_named(session, "physician")
        other = session.get_one(Glass, glass["id"])
        admin = user_named(session, "admin")
        assert physician is not None
        assert admin is not None
        other.user_id = admin.id
        session.add(other)
    assert (await ended(server, bearer, glass["id"])).status_code == 404
    assert (await ended(server, bearer, "no-such")).status_code == 404


async def test_signing_out_ends_it(server: Any, flow: Any, authority: Any, bearer: str) -> None:
    glass = (await broken(server, bearer)).json()
    await flow.submit(await server.get("/end_session"), "/end_session")
    with authority.units.reading() as session:
        assert session.get_one(Glass, glass["id"]).ended_by == "sign-out"
    again = (await signed_in(flow))["access_token"]
    assert "btg" not in await exchanged(flow, again)


@pytest.mark.parametrize("what", ["deactivated", "role withdrawn"])
async def test_who_loses_their_rights_loses_it(what: str, server: Any, flow: Any, authority: Any, bearer: str) -> None:
    glass = (await broken(server, bearer)).json()
    actor = Actor.operator()
    with administering(authority, actor) as session:
        user = user_named(session, "physician")
        assert user is not None
        if what == "deactivated":
            deactivate(authority, session, actor, user)
        else:
            withdraw_role(authority, session, actor, user, "physician")
    with authority.units.reading() as session:
        assert session.get_one(Glass, glass["id"]).ended_by == "sign-out"
