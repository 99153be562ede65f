"""What a service says of itself: what it owns, what must hold, what it tells and what it reacts to."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bedside.events import Fact, Reaction
from bedside.fhir.outcome import Issue

if TYPE_CHECKING:
    from bedside.fhir.operations.operation import Operation


@dataclass(frozen=True, slots=True)
class Change:
    """One write as rules of telling see it: R4B models, `None` where there is no resource (yet, or any more)."""

    before: Any
    after: Any
    version: int
    type_name: str
    id: str

    @property
    def subject(self) -> str:
        """`Patient/p7`: the subject of a fact read off this change."""
        return f"{self.type_name}/{self.id}"


Rule = Callable[[Any], Iterator[Issue]]
Telling = Callable[[Change], Iterator[Fact]]


@dataclass(frozen=True, slots=True)
class Owned:
    """A resource type of this service. A rule is given the R4B model and yields what is wrong with it."""

    type_name: str
    rules: tuple[Rule, ...] = ()
    tells: tuple[Telling, ...] = ()


@dataclass(frozen=True)
class Service:
    """A core service. `operations` are its own, beside those that every service has.

    `enforces_profiles`: a resource that declares a profile we hold is only stored when it meets it.
    """

    name: str
    owns: tuple[Owned, ...]
    reactions: tuple[Reaction, ...] = ()
    operations: "tuple[Operation, ...]" = ()
    enforces_profiles: bool = False

    @cached_property
    def types(self) -> frozenset[str]:
        """The names of the owned types."""
        return frozenset(owned.type_name for owned in self.owns)

    def owned(self, type_name: str) -> Owned | None:
        """The declaration of one type; None when another service owns it."""
        return self._by_name.get(type_name)

    @cached_property
    def _by_name(self) -> dict[str, Owned]:
        return {owned.type_name: owned for owned in self.owns}
