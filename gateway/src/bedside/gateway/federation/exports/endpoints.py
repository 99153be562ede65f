"""Where exports are asked for: kick-offs at three levels, the state of one, and its files."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bedside.fhir import exact_json
from bedside.fhir.bulk.asked import Level
from bedside.fhir.bulk.parameters import pairs_in
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.exchange import query_pairs
from bedside.fhir.rest.negotiation import check_sent, preference
from bedside.gateway.federation.door import Door, NotAdmitted, exchange_refused
from bedside.gateway.federation.exports.exporting import Exports
from bedside.gateway.federation.exports.kick_off import KickOff
from bedside.gateway.federation.forwarding import asking_headers, to_caller, to_owner
from bedside.gateway.federation.links import selecting
from bedside.gateway.federation.refusals import outcome, refusal
from bedside.gateway.federation.searching import passed_on
from bedside.gateway.federation.semi_joins import Asking, OwnerRefused
from bedside.gateway.owners import Answer, Unreachable
from bedside.identity import LoginRefused
from bedside.identity.access import fhir

Answering = Callable[[Request, Asking], Awaitable[Response]]
_ID = re.compile(r"(?!\.+\Z)[A-Za-z0-9\-.]{1,64}", re.ASCII)
_PLACE = re.compile(r"[0-9]{1,7}", re.ASCII)


class ExportEndpoints:
    def __init__(self, exports: Exports, door: Door) -> None:
        self._exports = exports
        self._door = door

    def routes(self, prefix: str, wrapped: Callable[[ASGIApp], ASGIApp]) -> list[Route]:
        """`wrapped` is put around every one of them."""
        begin = {"GET": self._begin, "POST": self._begin}
        at: dict[str, Mapping[str, Answering]] = {
            "$export": begin,
            "Patient/$export": begin,
            "Group/{group}/$export": begin,
            "$export-status/{handle}": {"GET": self._status, "DELETE": self._cancel},
            "$export-file/{job}/{type_name}/{place}": {"GET": self._file},
        }
        return [Route(f"{prefix}/{path}", wrapped(_Admitted(self._door, answering))) for path, answering in at.items()]

    async def _begin(self, request: Request, asking: Asking) -> Response:
        return await self._exports.begin(await _kick_off(request), asking)

    async def _status(self, request: Request, asking: Asking) -> Response:
        return await self._exports.status(request.path_params["handle"], asking)

    async def _cancel(self, request: Request, asking: Asking) -> Response:
        return await self._exports.cancel(request.path_params["handle"], asking)

    async def _file(self, request: Request, asking: Asking) -> Response:
        job, type_name, place = (request.path_params[name] for name in ("job", "type_name", "place"))
        if not _ID.fullmatch(job) or not _PLACE.fullmatch(place):
            raise Refused(404, [Issue("not-found", "There is no such file of this export.")])
        opened = await self._exports.file(job, type_name, place, asking)
        if isinstance(opened, Answer):
            response = Response(opened.body, opened.status)
        else:
            # Of a caller that hangs up, the owner hears at once.
            response = StreamingResponse(opened.chunks, opened.status)
        response.raw_headers = to_caller(opened.headers)
        return response


async def _kick_off(request: Request) -> KickOff:
    query = request.scope["query_string"].decode("latin-1")
    pairs, body = selecting(query_pairs(query)), b""
    if request.method == "POST":
        body = await request.body()
        if body:
            check_sent(request)
            pairs += pairs_in(_resource(body))
    level, path = _place(request)
    return KickOff(
        level=level,
        method=request.method,
        path=path,
        query=query,
        body=body,
        pairs=pairs,
        lenient=preference(request, "handling") == "lenient",
    )


def _place(request: Request) -> tuple[Level, str]:
    """Where it was asked, written as it is handed on."""
    group = request.path_params.get("group")
    if group is None:
        at_patients = request.url.path.endswith("/Patient/$export")
        return ("patient", "Patient/$export") if at_patients else ("system", "$export")
    if not _ID.fullmatch(group):
        raise Refused(404, [Issue("not-found", "There is no such group.")])
    return "group", f"Group/{group}/$export"


def _resource(body: bytes) -> dict[str, Any]:
    try:
        sent = exact_json.parse(body)
    except exact_json.Malformed as malformed:
        raise Refused(400, [Issue("structure", str(malformed))]) from malformed
    if not isinstance(sent, dict):
        raise Refused(400, [Issue("structure", "A resource is a JSON object.")])
    return sent


class _Admitted:
    """For those with a good token: by method, every refusal as an outcome."""

    access = fhir("entries")

    def __init__(self, door: Door, answering: Mapping[str, Answering]) -> None:
        self._door = door
        self._answering = answering
        self.methods = tuple(answering)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answered(Request(scope, receive))
        await response(scope, receive, send)

    async def _answered(self, request: Request) -> Response:
        try:
            bearer, caller = await self._door.caller(request.scope)
            answer = self._answering.get(request.method)
            if answer is None:
                issue = Issue("not-supported", "That method is not supported here.")
                return outcome(405, [issue], {"Allow": ", ".join(sorted(self._answering))})
            asking = Asking(caller, bearer, asking_headers(to_owner(request.scope)))
            return await answer(request, asking)
        except NotAdmitted as refused:
            return refused.response
        except (Refused, Unreachable) as problem:
            return refusal(problem)
        except OwnerRefused as refused:
            return passed_on(refused.answer)
        except LoginRefused as problem:
            return exchange_refused(problem)
