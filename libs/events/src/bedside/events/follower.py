"""Following all that one owner tells, and knowing whether anything was missed: for what must not fail open.

Three things are trusted: a state read whole, facts whose positions leave no gap, and pulses that say how many there
are.
Whatever they do not account for (a gap, silence, a connection that is only half open) is answered by reading anew.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import structlog

from bedside.events.envelope import Event, Undecodable
from bedside.events.metering import Meter, NoMeter
from bedside.events.pulse import Pulse
from bedside.events.transport import Binding, Delivery, Disconnected, Queue, Transport, pulse_of

BATCH_MAX = 100
RECONNECT_S = 1.0
SILENCE_S = 3.0
"""Three pulses long: then whoever follows asks."""
GAP_S = 1.0
"""How long a fact may come after the pulse that counts it."""
REREAD_S = 2.0
LOOK_S = 0.25
_AHEAD_MAX = 10_000
_STRANGE_MAX = 100
Cause = Literal["start", "connected", "gap", "silence"]
_log = structlog.get_logger("bedside.events.follower")


@dataclass(frozen=True, slots=True)
class Known:
    """Where in the owner's feed a state stands that was read whole. `now` is the owner's clock then."""

    epoch: int
    position: int
    now: datetime


class Follower:
    """`read_all` reads the whole state anew, or gives None when the owner does not answer.

    `handle` is called for each fact, at least once. `informed` is told, again and again, the moment (by
    `time.monotonic`) up to which nothing is missing; while it is not told, something may be. `look` is called some
    times a second, whatever happens.
    """

    def __init__(
        self,
        transport: Transport,
        follower: str,
        owner: str,
        *,
        read_all: Callable[[], Awaitable[Known | None]],
        handle: Callable[[Event], Awaitable[None]],
        informed: Callable[[float], None],
        look: Callable[[], None] | None = None,
        meter: Meter | None = None,
    ) -> None:
        bindings = (Binding(owner, "#"), Binding(pulse_of(owner), "#"))
        self._queue = Queue(f"{follower}.follows.{owner}.{uuid.uuid4()}", bindings, shared=False)
        self._transport = transport
        self._owner = owner
        self._read_all = read_all
        self._handle = handle
        self._informed = informed
        self._look = look
        self._meter = meter or NoMeter()
        self._known: Known | None = None
        self._heard = _Heard()
        self._ahead_of_us_s = 0.0
        self._informed_at = float("-inf")
        self._tried_at = float("-inf")
        self._cause: Cause | None = "start"
        self.tried = asyncio.Event()
        """Set once the state was asked for, whether or not there was an answer."""

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_listening())
            tasks.create_task(self._keep_looking())

    async def _keep_listening(self) -> None:
        while True:
            try:
                async with self._transport.subscribe(self._queue) as subscription:
                    # What was told between two connections came to nobody.
                    self._cause = self._cause or "connected"
                    while True:
                        deliveries = await subscription.batch(BATCH_MAX)
                        for delivery in deliveries:
                            await self._hear(delivery)
                        await subscription.ack(deliveries[-1])
            except Disconnected:
                _log.warning("the queue cannot be read", follows=self._owner)
            await asyncio.sleep(RECONNECT_S)

    async def _keep_looking(self) -> None:
        while True:
            now = time.monotonic()
            cause = self._cause or self._missing(now)
            if cause is not None and now - self._tried_at >= REREAD_S:
                await self._read_anew(cause)
            if self._look is not None:
                self._look()
            await asyncio.sleep(LOOK_S)

    def _missing(self, now: float) -> Cause | None:
        if self._heard.lost or (self._heard.gap_since is not None and now - self._heard.gap_since > GAP_S):
            return "gap"
        return "silence" if now - self._informed_at > SILENCE_S else None

    async def _read_anew(self, cause: Cause) -> None:
        began = self._tried_at = time.monotonic()
        self._cause = None
        asked_about = self._heard.other
        try:
            known = await self._read_all()
        finally:
            self.tried.set()
        self._meter.count("follower_reads_total", owner=self._owner, cause=cause, read=str(known is not None).lower())
        if known is None:
            # Silence asks again by itself; a start or a reconnection has to be remembered.
            self._cause = cause if cause in ("start", "connected") else None
            return
        self._known = known
        self._heard.restart(known, asked_about)
        self._ahead_of_us_s = known.now.timestamp() - began
        self._inform(began)

    async def _hear(self, delivery: Delivery) -> None:
        try:
            if delivery.owner == pulse_of(self._owner):
                self._heard.pulse(Pulse.parse(delivery.body), time.monotonic())
            else:
                await self._take(delivery)
        except Undecodable as error:
            _log.error("refused", follows=self._owner, reason=str(error))
            return
        complete = self._heard.complete
        if complete is not None and self._known is not None:
            # By our own clock, from how far theirs was ahead when we last asked: the two may differ by any amount.
            self._inform(min(complete.at.timestamp() - self._ahead_of_us_s, time.monotonic()))

    async def _take(self, delivery: Delivery) -> None:
        event = Event.parse(delivery.body)
        if self._heard.is_strange(delivery.epoch):
            return
        await self._handle(event)
        # Only now: what is counted as heard has also been done.
        self._heard.fact(epoch=delivery.epoch, position=delivery.position)

    def _inform(self, at: float) -> None:
        if at > self._informed_at:
            self._informed_at = at
            self._informed(at)


class _Heard:
    """Which facts came, beside how many there are."""

    def __init__(self) -> None:
        self.lost = False
        self.gap_since: float | None = None
        self._epoch = 0
        self._position = 0
        self._ahead: set[int] = set()
        self._pulse: Pulse | None = None
        self.other: int | None = None
        self._strange: set[int] = set()

    def is_strange(self, epoch: int) -> bool:
        """Whether it is of another installation on the same broker: asked about it, our owner knew nothing of it."""
        return epoch in self._strange

    def restart(self, known: Known, asked_about: int | None) -> None:
        """`asked_about` is the epoch that had been heard of, and was not ours, before the state was asked for."""
        if known.epoch != self._epoch:
            self._ahead.clear()
        elif asked_about is not None and len(self._strange) < _STRANGE_MAX:
            self._strange.add(asked_about)
        self._strange.discard(known.epoch)
        self._epoch, self._position = known.epoch, known.position
        # Of one that was heard of while the answer was on its way, the answer says nothing.
        self.other = self.other if self.other not in (asked_about, known.epoch) else None
        self.lost, self.gap_since, self._pulse = self.other is not None, None, None
        self._ahead = {position for position in self._ahead if position > known.position}
        self._advance()

    def fact(self, *, epoch: int, position: int) -> None:
        if epoch != self._epoch:
            self._differs(epoch)
        elif len(self._ahead) >= _AHEAD_MAX:
            self.lost = True
        elif position > self._position:
            self._ahead.add(position)
            self._advance()

    def pulse(self, pulse: Pulse, now: float) -> None:
        if pulse.epoch != self._epoch:
            self._differs(pulse.epoch)
            return
        self._pulse = pulse
        if pulse.head > self._position:
            self.gap_since = self.gap_since if self.gap_since is not None else now
        else:
            self.gap_since = None

    @property
    def complete(self) -> Pulse | None:
        """The latest pulse, if every fact that it counts was heard."""
        pulse = self._pulse
        return pulse if pulse is not None and pulse.head <= self._position and not self.lost else None

    def _differs(self, epoch: int) -> None:
        """Our owner was restored from a backup, or this is somebody else: reading anew will tell."""
        if epoch not in self._strange:
            self.lost, self.other = True, epoch

    def _advance(self) -> None:
        while self._position + 1 in self._ahead:
            self._position += 1
            self._ahead.discard(self._position)
        if self._pulse is not None and self._pulse.head <= self._position:
            self.gap_since = None
