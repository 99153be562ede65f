"""What a running service is given: nothing is opened at import, everything is closed at the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bedside.events.database import Database
from bedside.identity.hearing import Hearing
from bedside.service.clock import Clock, RealClock
from bedside.service.metrics import Measures
from bedside.service.settings import ServiceName, Settings

if TYPE_CHECKING:
    import httpx
    from starlette.applications import Starlette

    from bedside.events import Event, Reaction, Transport
    from bedside.identity import Denylist, Keys, ServiceLogin, Verifier
    from bedside.service.revocations import State

Task = Callable[[], Awaitable[None]]
Check = Callable[[], Awaitable[None]]


class NotListening(Exception):
    """A queue of this service is not being read: it is not there, or another instance reads it."""


@dataclass(kw_only=True)
class Runtime:
    """`clock` is the *now* of views and rules, and of everything in auth the real one; `real_clock` never moves."""

    settings: Settings
    name: ServiceName
    database: Database | None
    transport: Transport
    keys: Keys
    denylist: Denylist
    login: ServiceLogin
    http: httpx.AsyncClient
    clock: Clock
    measures: Measures
    real_clock: Clock = field(default_factory=RealClock)
    hearing: Hearing = field(default_factory=Hearing)
    tasks: dict[str, Task] = field(default_factory=dict)
    checks: dict[str, Check] = field(default_factory=dict)
    listeners: list[Callable[[Event], None]] = field(default_factory=list)
    """Told of every fact of auth's, at least once, when the denylist has it."""
    before_serving: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    """What is waited for, a while, before the port is opened."""

    @property
    def address(self) -> str:
        return self.settings.address(self.name)

    @property
    def own_database(self) -> Database:
        assert self.database is not None, f"{self.name} has no database"
        return self.database

    def verifier(self, audiences: set[str]) -> Verifier:
        """Accepts this installation's tokens that name one of the audiences."""
        from bedside.identity import Verifier

        return Verifier(
            issuer=self.settings.issuer,
            audiences=audiences,
            keys=self.keys,
            denylist=self.denylist,
            clock=self.real_clock,
            hearing=self.hearing,
            places=self._places(),
        )

    def _places(self) -> tuple[tuple[str, str], ...]:
        """What apps call this service by: a proof of possession names an address, which a proxy may have changed."""
        public = {"gateway": ("/fhir", self.settings.fhir_base), "auth": ("", self.settings.issuer)}
        known = ("", self.address)
        return (known, public[self.name]) if self.name in public else (known,)

    def follows_revocations(self, state: Callable[[], Awaitable[State | None]]) -> None:
        """Keeps the denylist, from what `state` reads and from what auth tells. Until it was read, nobody is let in."""
        from bedside.service.revocations import Revocations

        revocations = Revocations(
            state,
            denylist=self.denylist,
            hearing=self.hearing,
            keys=self.keys,
            meter=self.measures,
            listeners=self.listeners,
        )
        follower = revocations.followed(self.transport, self.name)
        self.in_background("revocations", follower.run)
        self.ready_when("revocations", self.hearing.check)
        self.before_serving.append(follower.tried.wait)

    def notes_accesses(self, app: Starlette, *, through: frozenset[str] = frozenset()) -> None:
        """Tells the access log of every request of an identified caller; an edge in `through` tells of its own."""
        from bedside.service.accesses import Journal, Noting, Shipping

        journal = Journal(self.settings.data_dir / "accesses" / self.name)
        app.add_middleware(Noting, journal=journal, source=self.name, clock=self.real_clock, through=through)
        auth = self.settings.address("auth")
        self.in_background("accesses", Shipping(journal, auth=auth, http=self.http, login=self.login).run)

    def has_a_heartbeat(self) -> None:
        """Lets those who follow this service know, each second, how much it has told."""
        from bedside.events import Heart, open_transport

        # By a connection of its own: what holds up the facts must not hold up the news that some are missing.
        url = self.settings.broker_url
        transport = open_transport(url) if url is not None else self.transport
        self.in_background("pulse", Heart(self.own_database, transport, self.name).run)

    def in_background(self, name: str, task: Task) -> None:
        """Runs while the service does. The task is not to end: when it does, the process ends with it."""
        assert name not in self.tasks, f"{self.name} has two tasks called {name}"
        self.tasks[name] = task

    def ready_when(self, name: str, check: Check) -> None:
        """The service is ready while the check returns; it raises, with a sentence for operators, when it is not."""
        self.checks[name] = check

    def tells(self) -> None:
        """Publishes this service's outbox."""
        from bedside.events import Relay

        relay = Relay(self.own_database, self.transport, source=f"/{self.name}", meter=self.measures)
        self.in_background("relay", relay.run)

    async def reacts(self, reactions: Sequence[Reaction]) -> None:
        """Handles the events that the reactions name."""
        from bedside.events import Consumer, queues_of
        from bedside.service.feeds import HttpFeeds

        if not reactions:
            return
        feeds = HttpFeeds(self.settings, self.http, self.login)
        consumer = Consumer(self.own_database, self.transport, self.name, reactions, feeds=feeds, meter=self.measures)
        if self.settings.broker_url is None:
            await self.transport.declare(queues_of(self.name, reactions))
        self.in_background("consumer", consumer.run)

        async def listening() -> None:
            if not consumer.listening:
                raise NotListening

        self.ready_when("events", listening)
