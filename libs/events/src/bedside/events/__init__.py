"""Facts that services tell one another, told exactly once, and the database transaction they are told in."""

from bedside.events.catalog import CATALOG, EventData
from bedside.events.envelope import Event, Fact, Undecodable, UnknownSchema
from bedside.events.outbox import Cause, Outbox
from bedside.events.reaction import NeededUnavailable, Reaction, Unit

__all__ = [
    "CATALOG",
    "Cause",
    "Event",
    "EventData",
    "Fact",
    "NeededUnavailable",
    "Outbox",
    "Reaction",
    "Undecodable",
    "Unit",
    "UnknownSchema",
]
