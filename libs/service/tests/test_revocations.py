"""A service refuses what auth took back, and everybody when it cannot know: it never fails open."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from bedside.events import EventData, Fact, InProcessTransport, follower
from bedside.events.catalog import (
    BreakGlassEnded,
    ClientDisabled,
    KeyRotated,
    SessionRevoked,
    TokenRevoked,
    UserDeactivated,
    UserRolesChanged,
)
from bedside.events.envelope import envelope
from bedside.events.pulse import Pulse
from bedside.events.transport import Outgoing, Transport, pulse_of
from bedside.identity import Deaf, Hearing, Refused, ServiceLogin, Verifier
from bedside.identity.denylist import TOKEN_LIFE_MAX
from bedside.identity.testing import AUDIENCE, ISSUER, TestIssuer
from bedside.service.metrics import Measures
from bedside.service.revocations import Revocations, state_at

EPOCH = 1_700_000_000


@dataclass
class Auth:
    """What auth tells: a state when asked, facts and pulses by the broker."""

    transport: Transport
    revoked: list[dict[str, str]] = field(default_factory=list)
    answers: bool = True
    position: int = 0
    asked: int = 0
    kids: list[str] = field(default_factory=lambda: ["test-key"])

    async def state(self) -> Mapping[str, Any] | None:
        self.asked += 1
        if not self.answers:
            return None
        now = datetime.now(UTC).isoformat()
        return {"epoch": EPOCH, "position": self.position, "now": now, "kids": self.kids, "revocations": self.revoked}

    async def tell(self, data: EventData, subject: str, *, lost: bool = False) -> None:
        self.position += 1
        body = told(data, subject)
        if not lost:
            await self.transport.publish([Outgoing(self.position, EPOCH, "x", "auth", data.routing_key, body)])

    async def beat(self) -> None:
        pulse = Pulse(EPOCH, self.position, datetime.now(UTC)).emit()
        await self.transport.publish([Outgoing(0, EPOCH, "x", pulse_of("auth"), "pulse.v1", pulse)])

    async def keep_beating(self) -> None:
        while True:
            await self.beat()
            await asyncio.sleep(0.1)


@dataclass
class Guarded:
    """A service: its verifier and what stands behind it."""

    auth: Auth
    issuer: TestIssuer
    hearing: Hearing
    measures: Measures
    verifier: Verifier

    async def outcome(self, token: str) -> str:
        """`accepted`, the reason of the refusal, or `deaf`."""
        try:
            await self.verifier.verify(token)
        except Refused as refused:
            return refused.reason
        except Deaf:
            return "deaf"
        return "accepted"

    async def comes_to(self, token: str, expected: str, *, within_s: float = 3) -> None:
        found = ""
        for _ in range(round(within_s / 0.02)):
            found = await self.outcome(token)
            if found == expected:
                break
            await asyncio.sleep(0.02)
        assert found == expected


def told(data: EventData, subject: str) -> bytes:
    return envelope(
        Fact(data, subject), source="/auth", event_id=str(uuid.uuid4()), sequence=1, now=datetime.now(UTC),
        correlation_id="c",
    )  # fmt: skip


@pytest.fixture(autouse=True)
def ten_times_as_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SILENCE_S", "GAP_S", "REREAD_S", "LOOK_S", "RECONNECT_S"):
        monkeypatch.setattr(follower, name, getattr(follower, name) / 10)


@pytest.fixture
def auth() -> Auth:
    return Auth(InProcessTransport())


@asynccontextmanager
async def guarded(auth: Auth, *, beats: bool = True) -> AsyncIterator[Guarded]:
    issuer, hearing, measures = TestIssuer(), Hearing(deaf_after_s=1.5), Measures("patients")
    revocations = Revocations(auth.state, denylist=issuer.denylist, hearing=hearing, keys=issuer.keys, meter=measures)
    verifier = Verifier(ISSUER, {AUDIENCE}, issuer.keys, issuer.denylist, hearing=hearing)
    tasks = [asyncio.create_task(revocations.followed(auth.transport, "patients").run())]
    if beats:
        tasks.append(asyncio.create_task(auth.keep_beating()))
    try:
        yield Guarded(auth, issuer, hearing, measures, verifier)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def entry(kind: str, value: str) -> dict[str, str]:
    return {"kind": kind, "value": value, "issued_before": datetime.now(UTC).isoformat()}


def btg(glass: str) -> list[dict[str, Any]]:
    """The claim that speaks of an emergency access of the next half hour."""
    return [{"id": glass, "patient": "p1", "until": int(datetime.now(UTC).timestamp()) + 1800}]


NAMED: dict[str, Any] = {"jti": "t1", "sid": "s1", "client_id": "c1", "subject": "u1", "btg": btg("g1")}


def until() -> datetime:
    return datetime.now(UTC) + TOKEN_LIFE_MAX


@pytest.mark.parametrize(
    ("data", "subject"),
    [
        (lambda: TokenRevoked(jti="t1", until=until()), "Token/t1"),
        (lambda: SessionRevoked(sid="s1", until=until()), "Session/s1"),
        (lambda: ClientDisabled(client_id="c1", until=until()), "Client/c1"),
        (lambda: UserDeactivated(issued_before=datetime.now(UTC), until=until()), "User/u1"),
        (lambda: UserRolesChanged(issued_before=datetime.now(UTC), until=until()), "User/u1"),
        (lambda: BreakGlassEnded(glass="g1", user="u1", patient="Patient/p1", until=until()), "User/u1"),
    ],
)
async def test_what_auth_tells_is_refused_and_nothing_else(auth: Auth, data: Any, subject: str) -> None:
    async with guarded(auth) as service:
        token = service.issuer.token(**NAMED)
        other = service.issuer.token(jti="t2", sid="s2", client_id="c2", subject="u2", btg=btg("g2"))
        await service.comes_to(token, "accepted")
        await auth.tell(data(), subject)
        await service.comes_to(token, "revoked")
        assert await service.outcome(other) == "accepted"


async def test_who_signs_in_after_their_roles_changed_is_accepted(auth: Auth) -> None:
    async with guarded(auth) as service:
        await service.comes_to(service.issuer.token(subject="u1"), "accepted")
        changed = datetime.now(UTC) - timedelta(seconds=2)
        await auth.tell(UserRolesChanged(issued_before=changed, until=until()), "User/u1")
        before = service.issuer.token(subject="u1", iat=int(changed.timestamp()) - 1)
        await service.comes_to(before, "revoked")
        assert await service.outcome(service.issuer.token(subject="u1")) == "accepted"


async def test_a_service_whose_clock_is_slow_refuses_a_revoked_token_all_the_same(auth: Auth) -> None:
    async with guarded(auth) as service:
        token = service.issuer.token(jti="t1", iat=int(datetime.now(UTC).timestamp()) + 50)
        await service.comes_to(token, "accepted")
        await auth.tell(TokenRevoked(jti="t1", until=until() + timedelta(seconds=50)), "Token/t1")
        await service.comes_to(token, "revoked")


async def test_a_restart_reads_the_state_before_anybody_is_let_in(auth: Auth) -> None:
    auth.revoked, auth.answers = [entry("user", "u1")], False
    async with guarded(auth) as service:
        refused, good = service.issuer.token(subject="u1"), service.issuer.token(subject="u2")
        await asyncio.sleep(0.3)
        assert (await service.outcome(refused), await service.outcome(good)) == ("deaf", "deaf")
        auth.answers = True
        await service.comes_to(good, "accepted")
        assert await service.outcome(refused) == "revoked"


async def test_attack_74_a_fact_lost_on_its_way_is_found_by_its_gap(auth: Auth) -> None:
    async with guarded(auth) as service:
        token = service.issuer.token(jti="t1")
        await service.comes_to(token, "accepted")
        auth.revoked = [entry("token", "t1")]
        await auth.tell(TokenRevoked(jti="t1", until=until()), "Token/t1", lost=True)
        await service.comes_to(token, "revoked", within_s=2)


async def test_attack_74_while_the_stream_is_silent_auth_is_asked(auth: Auth) -> None:
    """A connection that is open at one end only is silent too: nothing here looks at connections."""
    async with guarded(auth, beats=False) as service:
        token, good = service.issuer.token(jti="t1"), service.issuer.token(jti="t2")
        await service.comes_to(token, "accepted")
        auth.revoked = [entry("token", "t1")]
        await service.comes_to(token, "revoked", within_s=2)
        await asyncio.sleep(2)
        assert await service.outcome(good) == "accepted"


async def test_attack_74_a_silent_event_stream_never_fails_open(auth: Auth) -> None:
    async with guarded(auth, beats=False) as service:
        good = service.issuer.token()
        await service.comes_to(good, "accepted")
        auth.answers = False
        began = time.monotonic()
        await service.comes_to(good, "deaf")
        # No sooner than it must: a short interruption stops nobody.
        assert 1 < time.monotonic() - began < 2.5
        with pytest.raises(Deaf):
            await service.hearing.check()
        auth.answers = True
        await service.comes_to(good, "accepted")
        await service.hearing.check()


async def test_attack_74_pulses_that_count_what_did_not_come_keep_nobody_in(auth: Auth) -> None:
    async with guarded(auth) as service:
        good = service.issuer.token()
        await service.comes_to(good, "accepted")
        auth.answers = False
        await auth.tell(TokenRevoked(jti="t1", until=until()), "Token/t1", lost=True)
        await service.comes_to(good, "deaf")


async def test_attack_74_a_short_interruption_of_both_stops_nobody(auth: Auth) -> None:
    async with guarded(auth) as service:
        good = service.issuer.token()
        await service.comes_to(good, "accepted")
        auth.answers = False
        auth.transport.cut()  # type: ignore[attr-defined]
        for _ in range(20):
            assert await service.outcome(good) == "accepted"
            await asyncio.sleep(0.05)


async def test_after_a_rotation_the_keys_are_read_at_once(auth: Auth) -> None:
    async with guarded(auth) as service:
        await service.comes_to(service.issuer.token(), "accepted")
        other = TestIssuer()
        service.issuer.__dict__["_key"] = other.__dict__["_key"]
        other_token = service.issuer.token(header={"kid": "new"})
        service.issuer.jwks = lambda: {"keys": [other.jwks()["keys"][0] | {"kid": "new"}]}  # type: ignore[method-assign]
        assert await service.outcome(other_token) == "unknown-key"
        await auth.tell(KeyRotated(kids=("new",)), "Key/new")
        await service.comes_to(other_token, "accepted")


async def test_how_old_the_knowledge_is_can_be_measured(auth: Auth) -> None:
    auth.revoked = [entry("token", "t1"), entry("user", "u1")]
    async with guarded(auth, beats=False) as service:
        await service.comes_to(service.issuer.token(), "accepted")
        auth.answers = False
        await asyncio.sleep(2)
        registry = service.measures.registry
        assert registry.get_sample_value("bedside_revocations_deaf") == 1
        assert (registry.get_sample_value("bedside_revocations_age_seconds") or 0) > 1.5
        assert registry.get_sample_value("bedside_denylist_entries") == 2


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"epoch": 1, "position": 1, "now": "2026-01-01T00:00:00+00:00", "kids": []},
        {"epoch": 1, "position": "x", "now": "2026-01-01T00:00:00+00:00", "kids": [], "revocations": []},
        {"epoch": 1, "position": 1, "now": "yesterday", "kids": [], "revocations": []},
        {"epoch": 1, "position": 1, "now": "2026-01-01T00:00:00+00:00", "kids": [], "revocations": [{"kind": "dog"}]},
    ],
)
async def test_a_state_that_cannot_be_read_is_none(state: Any) -> None:
    issuer = TestIssuer()

    async def read() -> Any:
        return state

    revocations = Revocations(
        read, denylist=issuer.denylist, hearing=Hearing(), keys=issuer.keys, meter=Measures("patients")
    )
    assert await revocations.read_all() is None


@pytest.mark.parametrize("status", [200, 401, 500])
async def test_whatever_auth_answers_that_is_no_state_is_none(status: int) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 300})
        return httpx.Response(status, text="<html>")

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        login = ServiceLogin(f"{ISSUER}/token", "patients", "s", http=http)
        assert await state_at(ISSUER, http, login)() is None
