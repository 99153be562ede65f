"""What stands at the broker: an exchange per owner, one queue per consumer, the dead letters, and the audit stream."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel

from bedside.events.catalog import CATALOG
from bedside.events.transport.port import Queue, pulse_of

# A closed connection counts as a delivery of every event it had prefetched: a low limit dead-letters untouched events.
_CONSUMER_QUEUE: dict[str, Any] = {
    "x-queue-type": "quorum",
    "x-single-active-consumer": True,
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
    "x-delivery-limit": 1000,
}
PULSED_OWNERS = ("auth",)
"""Whose followers must know at once when nothing reaches them any more."""
_AUDIT_STREAM: dict[str, Any] = {"x-queue-type": "stream", "x-max-age": "7D"}


@dataclass(frozen=True, slots=True)
class Names:
    """What things are called at the broker. Another `prefix` makes another installation on the same broker."""

    prefix: str = "bedside"

    @property
    def events(self) -> str:
        return f"{self.prefix}.events"

    @property
    def dead(self) -> str:
        return f"{self.prefix}.dead"

    @property
    def audit(self) -> str:
        return f"{self.prefix}.audit"

    def exchange_of(self, owner: str) -> str:
        return f"{self.prefix}.{owner}"

    def owner_of(self, exchange: str) -> str:
        return exchange.removeprefix(f"{self.prefix}.")

    def queue(self, queue: Queue) -> str:
        return f"{self.prefix}.{queue.name}"


async def declare_on(channel: AbstractChannel, names: Names, queues: Sequence[Queue]) -> None:
    """Dead letters first: whoever may reject must find them. Declaring again changes nothing."""
    dead_exchange = await channel.declare_exchange(names.dead, ExchangeType.FANOUT, durable=True)
    dead_queue = await channel.declare_queue(names.dead, durable=True, arguments={"x-queue-type": "quorum"})
    await dead_queue.bind(dead_exchange)
    events = await channel.declare_exchange(names.events, ExchangeType.TOPIC, durable=True, internal=True)
    owners = {owner for kind in CATALOG for owner in kind.owners}
    owners |= {binding.owner for queue in queues for binding in queue.bindings}
    exchanges = {}
    for owner in sorted(owners):
        exchanges[owner] = await channel.declare_exchange(names.exchange_of(owner), ExchangeType.TOPIC, durable=True)
        await events.bind(exchanges[owner], "#")
    # Pulses are worth nothing a second later: no queue but those of the instances that listen holds any.
    for owner in PULSED_OWNERS:
        await channel.declare_exchange(names.exchange_of(pulse_of(owner)), ExchangeType.TOPIC, durable=True)
    # The stream takes everything, so that no fact is unroutable for want of a consumer.
    audit = await channel.declare_queue(names.audit, durable=True, arguments=_AUDIT_STREAM)
    await audit.bind(events, "#")
    arguments = _CONSUMER_QUEUE | {"x-dead-letter-exchange": names.dead}
    for queue in queues:
        declared = await channel.declare_queue(names.queue(queue), durable=True, arguments=arguments)
        for binding in queue.bindings:
            await declared.bind(exchanges[binding.owner], binding.pattern)
