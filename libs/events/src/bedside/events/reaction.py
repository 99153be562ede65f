"""What a service does when it hears a fact."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bedside.events.catalog import EventData
from bedside.events.database import Connection
from bedside.events.envelope import Event, Fact


@dataclass(slots=True)
class Unit:
    """One event's unit of work: everything done and told here commits, or nothing."""

    connection: Connection
    now: datetime
    prepared: Any = None
    """What the reaction's `prepare` returned."""
    told: list[Fact] = field(default_factory=list)

    def tell(self, *facts: Fact) -> None:
        """Appended to this service's outbox just before the commit."""
        self.told.extend(facts)


Handle = Callable[[Event, Unit], Awaitable[None]]
Prepare = Callable[[Event], Awaitable[Any]]
Resync = Callable[[str], Awaitable[None]]


class NeededUnavailable(Exception):
    """Raised by a reaction when a service it needs does not answer: not the event's fault, so it is not counted."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """Each reaction has a queue, an inbox and a place of its own: one that fails does not hold up the others.

    `name` says what is done: `move_encounters`. All events of the families of `events` reach it; those not in `events`
    only advance its place. `sources` narrows to facts told by these services; by default all owners of the events.
    """

    name: str
    events: tuple[type[EventData], ...]
    handle: Handle
    prepare: Prepare | None = None
    """Runs before the transaction: the place for reads by HTTP.

    Also for an effect that cannot share our connection. It is then to be safe to repeat, and to come out of turn: what
    is prepared may still be parked.
    """
    sources: tuple[str, ...] = ()
    resync: Resync | None = None
    """Called with a stream whose missing events are retained no longer."""

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(sorted({kind.family() for kind in self.events}))

    @property
    def owners(self) -> tuple[str, ...]:
        return self.sources or tuple(sorted({owner for kind in self.events for owner in kind.owners}))

    def handled(self, event: Event) -> bool:
        return any(event.is_a(kind) for kind in self.events)

    def of_unknown_version(self, event: Event) -> bool:
        """An event handled here, but in a major version that this program does not know."""
        name = event.routing_key.rpartition(".")[0]
        return not self.handled(event) and any(kind.unversioned() == name for kind in self.events)
