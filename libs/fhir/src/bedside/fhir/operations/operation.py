"""An operation as it is declared: how it is invoked, what it takes, and what it does.

https://hl7.org/fhir/R4/operations.html
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bedside.fhir.search.purview import Letter

if TYPE_CHECKING:
    from starlette.responses import Response

    from bedside.fhir.operations.arguments import Arguments
    from bedside.fhir.rest.exchange import Exchange

Level = Literal["system", "type", "instance"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing an operation takes.

    `type_name` is of R4: a primitive (`positiveInt`), a data type (`Identifier`), a resource type, or `Resource` (any).
    """

    name: str
    type_name: str
    required: bool = False
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """How to add one: a file in `operations/` of the engine, named in `registered.OPERATIONS`, for what every service
    has; or in `operations/` of a service, named in its `Service(operations=(…))`, for what only that one has:

        async def _count_words(exchange: Exchange, arguments: Arguments) -> Response:
            language = arguments.text("language") or "en"
            …
            return answered(exchange, resource)            # of `operations.answering`

        COUNT_WORDS = Operation(
            code="count-words", definition="http://…/OperationDefinition/count-words",
            levels=("type", "instance"), types=("Composition",), scope=("r",), handle=_count_words,
            parameters=(Parameter("language", "code"), Parameter("resource", "Composition", required=True)),
        )

    * It answers at `/$count-words`, `/Composition/$count-words` and `/Composition/id/$count-words`, as `levels` say,
      and the CapabilityStatement tells of it. `types` None is every type that the service owns. Types that are named
      are served even where another service owns them: a handler must then do with what is here
      (`exchange.type_name`, `exchange.id`; the id is well formed, nobody has looked whether there is such a resource).
    * `scope` are the letters of which *all* must be permitted on the type in the address (403). At the system level
      there is no type, so the handler asks for itself. What is permitted on a part only is the handler's to narrow, as
      of any interaction: `purview_of(exchange.caller)`, `is_hidden`.
    * Arguments come from the query by GET, and by POST from a Parameters resource, or a bare resource where exactly one
      parameter is a resource; a query beside it counts too. They are checked before the handler is called: an unknown
      name, a wrong type, too many or too few are refused with 400 and the parameter's name. A resource among them has
      *not* been validated, only seen to be a JSON object of that type.
    * With `affects_state` it is invoked by POST alone. `takes_criteria`: names not declared are search parameters of
      the type, and come unread as `arguments.criteria`.
    """

    code: str
    definition: str
    levels: tuple[Level, ...]
    handle: "Callable[[Exchange, Arguments], Awaitable[Response]]"
    scope: tuple[Letter, ...]
    parameters: tuple[Parameter, ...] = ()
    types: tuple[str, ...] | None = None
    affects_state: bool = False
    takes_criteria: bool = False

    def serves(self, level: Level, type_name: str, owned: frozenset[str]) -> bool:
        """Whether it answers there. `type_name` is empty at the system level."""
        if level not in self.levels:
            return False
        return level == "system" or type_name in (owned if self.types is None else self.types)
