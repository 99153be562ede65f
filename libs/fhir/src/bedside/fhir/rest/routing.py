"""From interactions to routes: who calls, whether they may, and every refusal as an outcome."""

import re
from collections.abc import Iterable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.confinement import refuse_unless
from bedside.fhir.rest.engine import Engine
from bedside.fhir.rest.exchange import Exchange, query_pairs
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.rest.negotiation import ANYTHING, wanted
from bedside.fhir.rest.refusals import refused
from bedside.fhir.rest.versions import ABSENT
from bedside.fhir.store.references import types
from bedside.identity import Caller, Guard
from bedside.identity.access import PUBLIC, SERVICES, fhir

# R4 allows the ids "." and "..", but in an address they mean another place: nobody could ever read such a resource.
_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9\-.]{1,64}", re.ASCII)
_READING = ("GET", "HEAD")
_QUERY_CHARACTERS_MAX = 64 * 1024


def routes(engine: Engine, interactions: Iterable[Interaction], prefix: str) -> list[Route]:
    """One route for each path, in the order in which paths are first named."""
    by_path: dict[str, dict[str, Interaction]] = {}
    for interaction in interactions:
        by_path.setdefault(interaction.path, {})[interaction.method] = interaction
    guard = Guard(engine.verifier)
    return [
        Route(prefix + address, endpoint, methods=list(endpoint.methods))
        for path, methods in by_path.items()
        for endpoint in (Endpoint(engine, guard, methods),)
        for address in (("", "/") if path == "/" else (path,))
    ]


class Endpoint:
    """The interactions at one path. Pure ASGI: a request costs no middleware."""

    def __init__(self, engine: Engine, guard: Guard, methods: Mapping[str, Interaction]) -> None:
        self.engine = engine
        self.interactions = dict(methods)
        self.methods = set(methods)
        self.access = {method: _access(interaction) for method, interaction in methods.items()}
        if "GET" in methods:
            self.interactions["HEAD"] = methods["GET"]
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except Exception as error:
            response = await refused(request, error)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        interaction = self.interactions.get(request.method)
        if interaction is None:
            raise HTTPException(405, headers={"allow": ", ".join(sorted(self.interactions))})
        if request.method not in _READING and "x-provenance" in request.headers:
            # Passed over, it would leave a change without the account that its author gave of it.
            text = "X-Provenance is not supported: write a Provenance in the same transaction"
            raise Refused(400, [Issue("not-supported", text)])
        caller = _NOBODY if interaction.scope == "public" else (await self._guard.admit(request.scope)).caller
        query = request.scope["query_string"]
        if len(query) > _QUERY_CHARACTERS_MAX:
            raise Refused(400, [Issue("too-long", "the query is too long; use POST _search")])
        pairs = query_pairs(query.decode("latin-1")) if query else []
        # What a Binary holds may be wanted as it is, whatever its type.
        is_binary = request.path_params.get("type_name") == "Binary" and interaction.scope == "r"
        exchange = Exchange(
            self.engine,
            request,
            caller,
            wanted(request, pairs, also=ANYTHING if is_binary else interaction.speaks),
            pairs,
            type_name=request.path_params.get("type_name", ""),
            id=request.path_params.get("id", ""),
        )
        self._refuse_wrong_address(exchange, interaction)
        if interaction.scope != "public" and interaction.scope != "entries" and interaction.scope != "services":
            refuse_unless(caller, interaction.scope, exchange.type_name)
        return await interaction.handle(exchange)

    def _refuse_wrong_address(self, exchange: Exchange, interaction: Interaction) -> None:
        if "{type_name}" not in interaction.path:
            return
        # An operation may be served on a type of another service, so it looks for itself.
        is_own = exchange.type_name in self.engine.service.types or "{operation}" in interaction.path
        if not is_own or exchange.type_name not in types():
            if exchange.type_name in types():
                raise Refused(404, [Issue("not-supported", "resources of this type are not kept by this service")])
            what = "operation" if exchange.type_name.startswith("$") else "resource type"
            raise Refused(404, [Issue("not-supported", f"there is no such {what} here")])
        if "{id}" in interaction.path and not _ID.fullmatch(exchange.id):
            if exchange.id.startswith(("$", "_")):
                raise Refused(404, [Issue("not-supported", "this operation is not supported")])
            if interaction.method == "PUT":
                text = "an id has 1 to 64 letters, digits, dots and dashes"
                raise Refused(400, [Issue("value", text, f"{exchange.type_name}.id")])
            raise ABSENT


def _access(interaction: Interaction) -> str:
    return interaction.scope if interaction.scope in (PUBLIC, SERVICES) else fhir(interaction.scope)


_NOBODY: Caller = None  # type: ignore[assignment]
