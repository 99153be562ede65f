"""An interaction as it is registered: how it is reached, what it takes to be let in, and what it does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from starlette.responses import Response

from bedside.fhir.rest.exchange import Exchange

Handle = Callable[[Exchange], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Interaction:
    """`code` is of https://hl7.org/fhir/R4/valueset-type-restful-interaction.html or the system-level set.

    `scope` is the letter that is asked of the caller for the type in the path: `entries` leaves it to the interaction,
    which asks for each entry; `services` admits only those of this system; `public` asks for nothing. `speaks` is a
    media type that it answers with beside FHIR's.
    `definition` is the OperationDefinition of an operation that is an interaction of its own, because it takes more
    than an `Operation` can declare.
    """

    code: str
    method: str
    path: str
    scope: Literal["c", "r", "u", "d", "s", "entries", "services", "public"]
    handle: Handle
    speaks: str | None = None
    definition: str | None = None
