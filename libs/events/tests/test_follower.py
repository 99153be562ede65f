"""Following an owner: what was told is heard, and what was missed is noticed, whatever the broker does."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from telling import count, eventually, running

from bedside.events import Event, Fact, Follower, Heart, Known, Outbox, Relay, follower, pulse
from bedside.events.catalog import TokenRevoked
from bedside.events.database import Database
from bedside.events.pulse import Pulse
from bedside.events.transport import Outgoing, pulse_of

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Following:
    """What a follower knows: the tokens of which it heard, and those that it read."""

    database: Database
    heard: list[str] = field(default_factory=list)
    read: list[set[str]] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    """Why it was read, each time."""
    read_at: float = float("inf")
    informed_at: float = float("-inf")
    answers: bool = True
    ahead: timedelta = timedelta(0)

    async def handle(self, event: Event) -> None:
        self.heard.append(event.read_as(TokenRevoked).jti)

    async def read_all(self) -> Known | None:
        if not self.answers:
            return None
        head = await self.database.fetch_row("SELECT epoch, position FROM feed_head")
        rows = await self.database.fetch("SELECT subject FROM outbox")
        assert head is not None
        self.read_at = time.monotonic()
        self.read.append({row[0].removeprefix("Token/") for row in rows})
        return Known(head[0], head[1], datetime.now(UTC) + self.ahead)

    def informed(self, at: float) -> None:
        self.informed_at = at

    def follower(self, transport: Any) -> Follower:
        return Follower(
            transport,
            "gateway",
            "auth",
            read_all=self.read_all,
            handle=self.handle,
            informed=self.informed,
            meter=self,
        )

    def count(self, _name: str, _amount: int = 1, **labels: str) -> None:
        self.causes.append(labels["cause"])

    def gauge(self, _name: str, _value: float, **_labels: str) -> None: ...

    @property
    def missed(self) -> int:
        """How often it was read because something was missing."""
        return self.causes.count("gap") + self.causes.count("silence")

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.informed_at


async def revoke(database: Database, *tokens: str) -> None:
    outbox = Outbox("/auth")
    async with database.transaction() as connection:
        facts = [Fact(TokenRevoked(jti=token, until=UNTIL), f"Token/{token}") for token in tokens]
        await outbox.append(connection, facts, now=datetime.now(UTC))


@pytest.fixture(autouse=True)
def ten_times_as_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "PULSE_S", 0.1)
    for name in ("SILENCE_S", "GAP_S", "REREAD_S", "LOOK_S", "RECONNECT_S"):
        monkeypatch.setattr(follower, name, getattr(follower, name) / 10)


@pytest.fixture
def unhurried(ten_times_as_fast: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine may be slow without that being silence: for tests of what is *not* read."""
    for name in ("SILENCE_S", "GAP_S"):
        monkeypatch.setattr(follower, name, 60)


@pytest.fixture
async def following(new_database: Callable[[], Awaitable[Database]]) -> Following:
    return Following(await new_database())


@asynccontextmanager
async def at_work(following: Following, new_transport: Any) -> AsyncIterator[Follower]:
    """The owner tells and beats; the follower has read once."""
    await new_transport().declare([])
    relay, heart = (
        Relay(following.database, new_transport(), "/auth"),
        Heart(following.database, new_transport(), "auth"),
    )
    made = following.follower(new_transport())
    async with running(relay.run, heart.run, made.run):
        await eventually(lambda: _read_once(following), True)
        yield made


async def _read_once(following: Following) -> bool:
    return bool(following.read)


async def test_what_is_told_is_heard_and_reading_is_for_the_start(following, new_transport, unhurried) -> None:
    await revoke(following.database, "before")
    async with at_work(following, new_transport):
        await revoke(following.database, "a", "b")
        await eventually(lambda: _has_heard(following, {"a", "b"}), True)
        heard_at = time.monotonic()
        await eventually(lambda: _is_informed_of(following, heard_at), True)
    assert "before" in set().union(*following.read)
    assert following.missed == 0


async def test_a_fact_that_the_broker_loses_is_read(following, new_transport) -> None:
    async with at_work(following, new_transport):
        await revoke(following.database, "heard")
        await eventually(lambda: _has_heard(following, {"heard"}), True)
        async with following.database.transaction() as connection:
            await Outbox("/auth").append(
                connection, [Fact(TokenRevoked(jti="lost", until=UNTIL), "Token/lost")], now=UNTIL
            )
            # As if it had been published, into a queue that was lost.
            await connection.execute("UPDATE outbox SET published_at = 1 WHERE subject = 'Token/lost'")
        began = time.monotonic()
        await eventually(lambda: _has_read(following, "lost"), True)
        assert time.monotonic() - began < 3
    assert "lost" not in following.heard


async def test_in_silence_the_state_is_asked_for_again_and_again(following, new_transport) -> None:
    await new_transport().declare([])
    async with running(following.follower(new_transport()).run):
        await eventually(lambda: _read_once(following), True)
        await revoke(following.database, "unheard")
        began = time.monotonic()
        await eventually(lambda: _has_read(following, "unheard"), True)
        assert time.monotonic() - began < 3
        assert following.age_s < 3


async def test_with_neither_facts_nor_answers_nothing_is_vouched_for(following, new_transport) -> None:
    await new_transport().declare([])
    async with running(following.follower(new_transport()).run):
        await eventually(lambda: _read_once(following), True)
        following.answers = False
        before = following.informed_at
        await _seconds(0.8)
        assert following.informed_at == before


async def test_pulses_before_the_first_answer_vouch_for_nothing(following, new_transport) -> None:
    following.answers = False
    await new_transport().declare([])
    heart = Heart(following.database, new_transport(), "auth")
    async with running(heart.run, following.follower(new_transport()).run):
        await _seconds(0.4)
        assert following.informed_at == float("-inf")
        following.answers = True
        await eventually(lambda: _read_once(following), True)


async def test_facts_that_wait_for_their_number_hold_the_pulse_back(world, following) -> None:
    heart = Heart(following.database, None, "auth")  # type: ignore[arg-type]
    assert datetime.now(UTC) - (await heart.pulse()).at < timedelta(seconds=0.5)
    await revoke(following.database, "unnumbered")
    await _seconds(0.6)
    held = await heart.pulse()
    assert (held.head, datetime.now(UTC) - held.at > timedelta(seconds=0.6)) == (0, True)


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(minutes=-10), timedelta(minutes=10)])
async def test_the_owners_clock_may_be_any_other(following, new_transport, monkeypatch, ahead, unhurried) -> None:
    following.ahead = ahead
    true_pulse = Heart.pulse

    async def shifted(self: Heart) -> Pulse:
        told = await true_pulse(self)
        return replace(told, at=told.at + ahead)

    monkeypatch.setattr(Heart, "pulse", shifted)
    async with at_work(following, new_transport):
        now = time.monotonic()
        await eventually(lambda: _is_informed_of(following, now), True)
        assert following.missed == 0


async def test_pulses_that_come_late_do_not_pass_for_new_ones(following, new_transport) -> None:
    transport = new_transport()
    await new_transport().declare([])
    heart = Heart(following.database, transport, "auth")
    async with running(following.follower(new_transport()).run):
        await eventually(lambda: _read_once(following), True)
        old = replace(await heart.pulse(), at=datetime.now(UTC) - timedelta(seconds=30))
        following.answers = False
        before = following.informed_at
        for _ in range(3):
            await transport.publish([Outgoing(0, old.epoch, "x", pulse_of("auth"), "pulse.v1", old.emit())])
        await _seconds(0.5)
        assert following.informed_at == before


async def test_another_installation_on_the_same_broker_is_passed_over(following, new_transport, unhurried) -> None:
    transport = new_transport()
    async with at_work(following, new_transport):
        foreign = Pulse(epoch=7, head=99, at=datetime.now(UTC))
        sent = Outgoing(0, 7, "x", pulse_of("auth"), "pulse.v1", foreign.emit())
        await eventually(lambda: _is_connected(following), True)
        for _ in range(10):
            await transport.publish([sent])
            await _seconds(0.1)
        await revoke(following.database, "ours")
        await eventually(lambda: _has_heard(following, {"ours"}), True)
        assert following.missed <= 1


async def test_a_restored_owner_is_read_anew_and_followed_on(following, new_transport) -> None:
    async with at_work(following, new_transport):
        await revoke(following.database, "a")
        await eventually(lambda: _has_heard(following, {"a"}), True)
        # What is heard may not be marked yet: a relay that cannot mark it takes its lease for lost and waits it out.
        await eventually(lambda: count(following.database, "outbox WHERE published_at IS NULL"), 0)
        async with following.database.transaction() as connection:
            await connection.execute("DELETE FROM outbox")
            await connection.execute("UPDATE feed_head SET epoch = epoch + 1, position = 0")
        await revoke(following.database, "b")
        await eventually(lambda: _has_read(following, "b"), True)
        await revoke(following.database, "c")
        await eventually(lambda: _has_heard(following, {"c"}), True)


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'{"epoch":1,"head":"x","at":"y"}', b"\xff"])
async def test_what_is_no_pulse_is_passed_over(following, new_transport, body) -> None:
    transport = new_transport()
    async with at_work(following, new_transport):
        await transport.publish([Outgoing(0, 1, "x", pulse_of("auth"), "pulse.v1", body)])
        await revoke(following.database, "a")
        await eventually(lambda: _has_heard(following, {"a"}), True)


async def _is_connected(following: Following) -> bool:
    """A pulse was heard since the first reading."""
    return following.informed_at > following.read_at


async def _is_informed_of(following: Following, moment: float) -> bool:
    return following.informed_at > moment


async def _has_heard(following: Following, tokens: set[str]) -> bool:
    return tokens <= set(following.heard)


async def _has_read(following: Following, token: str) -> bool:
    return token in set().union(*following.read)


async def _seconds(seconds: float) -> None:

    await asyncio.sleep(seconds)
