"""How a fact becomes a unit of work of the directory.

The consumer's transaction is not ours: it holds the inbox, by another driver. So the effect commits first, with the
version of the record that it follows; a fact that is brought again, or after a newer one, then changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from anyio import to_thread
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bedside.auth.authority import Authority
from bedside.events import Event, NeededUnavailable, Reaction, Unit


@dataclass(frozen=True)
class Following:
    """`reaction` is what the broker must know of it, `follow` what is done, in a thread."""

    reaction: Reaction
    follow: Callable[[Authority, Event], None]

    def of(self, authority: Authority) -> Reaction:
        return replace(self.reaction, prepare=partial(self._prepare, authority))

    async def _prepare(self, authority: Authority, event: Event) -> None:
        try:
            await to_thread.run_sync(self.follow, authority, event)
        except (OperationalError, PoolTimeout) as error:
            # Not the event's fault.
            raise NeededUnavailable from error


async def done(event: Event, unit: Unit) -> None:
    """Nothing is left to do in the consumer's transaction."""


def id_of(reference: str) -> str:
    return reference.partition("/")[2]
