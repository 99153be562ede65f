"""The paths of the FHIR base."""

from collections.abc import Awaitable, Callable

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bedside.fhir.outcome import Issue, Refused
from bedside.gateway.federation.access_log import AccessLog
from bedside.gateway.federation.batches import Batches
from bedside.gateway.federation.browsers import OpenToBrowsers
from bedside.gateway.federation.capabilities import Capabilities
from bedside.gateway.federation.coordination import Headers
from bedside.gateway.federation.discovery import Discovery
from bedside.gateway.federation.door import Door, NotAdmitted, exchange_refused
from bedside.gateway.federation.entries import parsed
from bedside.gateway.federation.exports.endpoints import ExportEndpoints
from bedside.gateway.federation.forwarding import Forwarding, whole_body
from bedside.gateway.federation.labels import Labels
from bedside.gateway.federation.refusals import outcome, refusal
from bedside.gateway.federation.searching import passed_on
from bedside.gateway.federation.semi_joins import OwnerRefused
from bedside.gateway.federation.transactions import Transactions
from bedside.gateway.owners import Unreachable
from bedside.identity import Caller, LoginRefused
from bedside.identity.access import PUBLIC, fhir


class _Type(Convertor[str]):
    # The access log has routes of its own.
    regex = "(?!AuditEvent/)[A-Z][A-Za-z]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class _Id(_Type):
    regex = r"[A-Za-z0-9\-.]+"


register_url_convertor("fhir_type", _Type())
register_url_convertor("fhir_id", _Id())
_TO_OWNER = ("prefer", "x-test-now", "x-provenance", "traceparent")


class Bundles:
    """`/fhir` itself: bundles come here, and searches of all types are handed on."""

    access = fhir("entries")
    methods = ("GET", "POST")

    def __init__(self, door: Door, batches: Batches, transactions: Transactions, forwarding: Forwarding) -> None:
        self._door = door
        self._batches = batches
        self._transactions = transactions
        self._forwarding = forwarding

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in ("GET", "HEAD"):
            await self._forwarding(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            bearer, caller = await self._door.caller(scope)
            response = await self._answer(request, bearer, caller)
        except NotAdmitted as refused:
            response = refused.response
        except LoginRefused as problem:
            response = exchange_refused(problem)
        except OwnerRefused as refused:
            response = passed_on(refused.answer)
        except (Refused, Unreachable) as problem:
            response = refusal(problem)
        await response(scope, receive, send)

    async def _answer(self, request: Request, bearer: str, caller: Caller) -> Response:
        if request.method != "POST":
            issue = Issue("not-supported", "Only POST is supported here.")
            return outcome(405, [issue], {"Allow": "GET, HEAD, POST"})
        if not _is_json(request.headers.get("content-type", "")):
            return outcome(415, [Issue("not-supported", "A bundle is taken as application/fhir+json only.")])
        body = await whole_body(request.receive)
        bundle = parsed(body)
        headers: Headers = [(name, request.headers[name]) for name in _TO_OWNER if name in request.headers]
        if bundle["type"] == "batch":
            return await self._batches.run(body, bundle, caller, bearer=bearer, headers=headers)
        return await self._transactions.run(body, bundle, caller, bearer=bearer, headers=headers)


def federation_routes(
    *,
    bundles: Bundles,
    forwarding: Forwarding,
    exports: ExportEndpoints,
    labels: Labels,
    access_log: AccessLog,
    capabilities: Capabilities,
    discovery: Discovery,
    prefix: str = "/fhir",
) -> list[Route]:
    """Everything below the prefix; only `metadata` and the SMART configuration are for those without a token."""
    return [
        # What is asked most is tried first; it is no other route's path, since their words begin otherwise.
        Route(f"{prefix}/{{type_name:fhir_type}}/{{id:fhir_id}}", OpenToBrowsers(forwarding)),
        *access_log.routes(prefix, OpenToBrowsers),
        Route(f"{prefix}/.well-known/smart-configuration", OpenToBrowsers(_Shown(discovery.show))),
        Route(f"{prefix}/metadata", OpenToBrowsers(_Shown(capabilities.show))),
        *exports.routes(prefix, OpenToBrowsers),
        Route(f"{prefix}/$meta", OpenToBrowsers(labels)),
        Route(f"{prefix}/{{type_name}}/{{rest:path}}", OpenToBrowsers(forwarding)),
        Route(f"{prefix}/{{type_name}}", OpenToBrowsers(forwarding)),
        Route(prefix, OpenToBrowsers(bundles)),
        Route(f"{prefix}/", OpenToBrowsers(bundles)),
    ]


class _Shown:
    """A public document, by GET."""

    access = PUBLIC

    def __init__(self, show: Callable[[Request], Awaitable[Response]]) -> None:
        self._show = show

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in ("GET", "HEAD"):
            response = await self._show(Request(scope, receive))
        else:
            issue = Issue("not-supported", "Only GET is supported here.")
            response = outcome(405, [issue], {"Allow": "GET, HEAD"})
        await response(scope, receive, send)


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type in ("application/fhir+json", "application/json", "text/json", "")
