"""How events travel: RabbitMQ, or a broker inside the process, behind one port."""

from collections.abc import Sequence

from bedside.events.transport.in_process import InProcessTransport
from bedside.events.transport.port import (
    Binding,
    Delivery,
    Disconnected,
    Outgoing,
    Queue,
    Subscription,
    Transport,
    pulse_of,
)


def open_transport(url: str | None) -> Transport:
    """RabbitMQ at `amqp://…`; without a URL, the broker inside the process, to be shared by all services in it."""
    if url is None:
        return InProcessTransport()
    # Imported here: the embedded default starts without loading the client of a broker it does not use.
    from bedside.events.transport.rabbit import RabbitTransport

    return RabbitTransport(url)


async def declare_topology(url: str, consumers: Sequence[Queue]) -> None:
    """Exchanges, queues and bindings at the broker, as a deploy step. Safe to run twice.

    `consumers` are `queues_of(service, reactions)` of every service. Disconnected when there is no broker; ValueError
    when something stands there with other arguments.
    """
    transport = open_transport(url)
    try:
        await transport.declare(consumers)
    finally:
        await transport.close()


__all__ = [
    "Binding",
    "Delivery",
    "Disconnected",
    "InProcessTransport",
    "Outgoing",
    "Queue",
    "Subscription",
    "Transport",
    "declare_topology",
    "open_transport",
    "pulse_of",
]
