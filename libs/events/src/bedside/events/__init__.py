"""Facts that services tell one another, told exactly once, and the database transaction they are told in."""

from bedside.events.catalog import CATALOG, EventData
from bedside.events.consuming import Consumer, Patience, queues_of
from bedside.events.envelope import Event, Fact, Undecodable, UnknownSchema
from bedside.events.feed import Feed, FeedPage, FeedReader, FeedUnavailable
from bedside.events.follower import Follower, Known
from bedside.events.listener import Listener
from bedside.events.metering import Meter
from bedside.events.outbox import Cause, Outbox
from bedside.events.pulse import Heart
from bedside.events.reaction import NeededUnavailable, Reaction, Unit
from bedside.events.relay import Relay
from bedside.events.transport import InProcessTransport, Queue, Transport, declare_topology, open_transport

__all__ = [
    "CATALOG",
    "Cause",
    "Consumer",
    "Event",
    "EventData",
    "Fact",
    "Feed",
    "FeedPage",
    "FeedReader",
    "FeedUnavailable",
    "Follower",
    "Heart",
    "InProcessTransport",
    "Known",
    "Listener",
    "Meter",
    "NeededUnavailable",
    "Outbox",
    "Patience",
    "Queue",
    "Reaction",
    "Relay",
    "Transport",
    "Undecodable",
    "Unit",
    "UnknownSchema",
    "declare_topology",
    "open_transport",
    "queues_of",
]
