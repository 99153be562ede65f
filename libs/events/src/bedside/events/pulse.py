"""A sign of life that says how much was told: who follows an owner knows by it that nothing was missed.

Pulses are not facts: they are kept nowhere, and one that is lost is replaced by the next.
"""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
import structlog

from bedside.events.database import MICROSECONDS_NOW, Busy, Database, Unavailable
from bedside.events.envelope import Undecodable
from bedside.events.transport import Outgoing, Transport, pulse_of

PULSE_S = 1.0
_ROUTING_KEY = "pulse.v1"
_log = structlog.get_logger("bedside.events.pulse")


@dataclass(frozen=True, slots=True)
class Pulse:
    """Everything told until `at`, by the owner's clock, has a position up to `head`."""

    epoch: int
    head: int
    at: datetime

    def emit(self) -> bytes:
        return orjson.dumps({"epoch": self.epoch, "head": self.head, "at": self.at.isoformat()})

    @classmethod
    def parse(cls, body: bytes) -> "Pulse":
        """Undecodable when it is not what `emit` gave."""
        try:
            told = orjson.loads(body)
            return cls(int(told["epoch"]), int(told["head"]), datetime.fromisoformat(told["at"]))
        except (ValueError, KeyError, TypeError) as error:
            raise Undecodable("not a pulse") from error


class Heart:
    """Sends the pulses of one owner. Replicas may all do it: each tells the same truth."""

    def __init__(self, database: Database, transport: Transport, owner: str) -> None:
        self._database = database
        self._transport = transport
        self._owner = owner
        now = MICROSECONDS_NOW[database.dialect]
        # One statement sees one state: no fact can be told between the head and what still waits for its number.
        self._query = f"""
            SELECT epoch, position, {now} - (SELECT min(occurred_at) FROM outbox WHERE position IS NULL)
              FROM feed_head"""

    async def run(self) -> None:
        """Until cancelled. A database or broker that is away makes silence, which is what followers are to hear."""
        while True:
            try:
                await self.beat()
            except (Unavailable, Busy) as error:
                _log.warning("no pulse", reason=type(error).__name__)
            await asyncio.sleep(PULSE_S)

    async def beat(self) -> None:
        pulse = await self.pulse()
        sent = Outgoing(0, pulse.epoch, str(uuid.uuid4()), pulse_of(self._owner), _ROUTING_KEY, pulse.emit())
        await self._transport.publish([sent])

    async def pulse(self) -> Pulse:
        at = datetime.now(UTC)
        row = await self._database.fetch_row(self._query)
        assert row is not None, "the migration made one row"
        epoch, head, oldest_unnumbered_us = row
        if oldest_unnumbered_us is not None:
            at -= timedelta(microseconds=max(0, int(oldest_unnumbered_us)) + 1)
        return Pulse(int(epoch), int(head), at)
