"""Hands a request to the owner of its type and the answer back, byte for byte.

This is the hot path: nothing that is only handed on is parsed.
"""

from collections.abc import AsyncIterator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.exchange import query_pairs
from bedside.gateway.federation.composing import Compositions
from bedside.gateway.federation.deletions import Deletion, Deletions, add_incomplete
from bedside.gateway.federation.door import Door, NotAdmitted, exchange_refused, forbidden, permitted
from bedside.gateway.federation.refusals import outcome, refusal, unknown_type
from bedside.gateway.federation.searching import Searches, passed_on
from bedside.gateway.federation.semi_joins import Asking, OwnerRefused
from bedside.gateway.federation.several import argument_pairs, place_of, planned
from bedside.gateway.federation.wire import WHOLE_BYTES_MAX, Answer, Body, Headers, Streamed, Unreachable
from bedside.gateway.owners import Owners
from bedside.identity import Caller, LoginRefused
from bedside.identity.access import fhir

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
# Everything else stays here: the caller's token, its cookies, and whatever speaks of this connection only.
_TO_OWNER = frozenset(
    {
        b"accept",
        b"content-type",
        b"content-length",
        b"if-match",
        b"if-none-match",
        b"if-modified-since",
        b"if-none-exist",
        b"prefer",
        b"x-test-now",
        b"x-provenance",
        b"x-security-context",
        b"traceparent",
    }
)
# What a composed search hands on to every owner it asks.
_WITH_SEARCHES = frozenset({b"accept", b"prefer", b"x-test-now", b"traceparent", b"x-request-id"})
_NOT_TO_CALLER = frozenset(
    {b"connection", b"keep-alive", b"transfer-encoding", b"te", b"trailer", b"upgrade", b"date", b"server"}
    | {b"proxy-authenticate", b"x-request-id", b"www-authenticate"}
)


class Forwarding:
    """The ASGI endpoint of `/{type}` and all below it."""

    access = fhir("entries")
    methods = _METHODS

    def __init__(
        self, owners: Owners, door: Door, searches: Searches, compositions: Compositions, deletions: Deletions
    ) -> None:
        self._owners = owners
        self._door = door
        self._searches = searches
        self._compositions = compositions
        self._deletions = deletions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["method"] not in _METHODS:
                issue = Issue("not-supported", "That method is not supported.")
                raise NotAdmitted(outcome(405, [issue], {"Allow": ", ".join(sorted(_METHODS))}))
            bearer, caller = await self._door.caller(scope)
            await self._forward(scope, receive, send, bearer, caller)
        except NotAdmitted as refused:
            await refused.response(scope, receive, send)
        except (Refused, Unreachable) as problem:
            await refusal(problem)(scope, receive, send)
        except OwnerRefused as refused:
            await passed_on(refused.answer)(scope, receive, send)
        except LoginRefused as problem:
            await exchange_refused(problem)(scope, receive, send)

    async def _forward(self, scope: Scope, receive: Receive, send: Send, bearer: str, caller: Caller) -> None:
        method: str = scope["method"]
        path = below_base(scope)
        place = place_of(method, path)
        if place is not None:
            form = await whole_body(receive) if method == "POST" else b""
            response = await self._compose(place, scope, form, caller, bearer)
            await response(scope, receive, send)
            return
        type_name, _, rest = path.partition("/")
        searched = _searched(method, path)
        if searched is not None:
            # A search of a compartment, Patient/p1/Observation, belongs to the owner of what is searched.
            type_name, rest = searched.rpartition("/")[2], "_search" if method == "POST" else ""
        owner = self._owners.owner_of(type_name)
        if owner is None:
            raise Refused(404, [unknown_type(type_name)])
        if not permitted(caller, method, type_name, rest):
            raise Refused(403, [forbidden(type_name)])
        query = scope["query_string"].decode("latin-1")
        headers = to_owner(scope)
        is_form = searched is not None and method == "POST"
        body = await whole_body(receive) if is_form else await _body(scope, receive)
        if searched is not None:
            form = body if is_form and isinstance(body, bytes) else b""
            plan = self._searches.plan(searched, query, form)
            if plan is not None:
                response = await self._searches.answered(plan, Asking(caller, bearer, asking_headers(headers)))
                await response(scope, receive, send)
                return
        if query and not rest and method in ("PUT", "PATCH", "DELETE"):
            query = await self._searches.criteria(type_name, query, Asking(caller, bearer, asking_headers(headers)))
        elif method == "POST" and not rest:
            headers = await self._joined_headers(type_name, headers, Asking(caller, bearer, asking_headers(headers)))
        below = f"{path}?{query}" if query else path
        if method == "DELETE":
            response = await self._deleted(owner, path, query, headers, Asking(caller, bearer, asking_headers(headers)))
            await response(scope, receive, send)
            return
        await handed_on(await self._owners.open(owner, method, below, headers, body, bearer), send)

    async def _compose(self, place: str, scope: Scope, form: bytes, caller: Caller, bearer: str) -> Response:
        sent = argument_pairs(form) if place.endswith("$everything") else query_pairs(form.decode("latin-1"))
        pairs = query_pairs(scope["query_string"].decode("latin-1")) + sent
        asking = Asking(caller, bearer, asking_headers(to_owner(scope)))
        return await self._compositions.answered(planned(place, pairs, caller, self._owners), asking)

    async def _deleted(self, owner: str, path: str, query: str, headers: Headers, asking: Asking) -> Response:
        said = [(name.decode(), value.decode("latin-1")) for name, value in headers]
        if_match = next((value for name, value in said if name == "if-match"), None)
        stopped = await self._deletions.stopped(Deletion(path, query, if_match), asking)
        if isinstance(stopped, Response):
            return stopped
        below = f"{path}?{query}" if query else path
        answer = await self._owners.request(owner, "DELETE", below, bearer=asking.bearer, headers=said)
        body = answer.body if answer.ok or not stopped else add_incomplete(answer.body, stopped)
        told = [(n, v) for n, v in answer.headers if n not in _NOT_TO_CALLER and n != b"content-length"]
        response = Response(body, answer.status)
        response.raw_headers += told
        return response

    async def _joined_headers(self, type_name: str, headers: Headers, asking: Asking) -> Headers:
        """With the criteria of a conditional create as the owner can search for them."""
        joined: Headers = []
        for name, value in headers:
            if name == b"if-none-exist":
                criteria = value.decode("latin-1").removeprefix("?")
                value = (await self._searches.criteria(type_name, criteria, asking)).encode("latin-1")
            joined.append((name, value))
        return joined


def below_base(scope: Scope) -> str:
    """The path after `/fhir/` as the caller encoded it."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return b"".join(raw.split(b"/", 2)[2:]).decode("latin-1")


def to_owner(scope: Scope) -> Headers:
    headers = [(name, value) for name, value in scope["headers"] if name in _TO_OWNER]
    if request_id := scope.get("request_id"):
        headers.append((b"x-request-id", request_id.encode()))
    return headers


def to_caller(headers: Headers) -> Headers:
    return [(name, value) for name, value in headers if name not in _NOT_TO_CALLER]


def asking_headers(headers: Headers) -> list[tuple[str, str]]:
    return [(name.decode(), value.decode("latin-1")) for name, value in headers if name in _WITH_SEARCHES]


async def whole_body(receive: Receive) -> bytes:
    """The server around the app bounds how much that can be."""
    return b"".join([chunk async for chunk in _pieces(receive)])


async def handed_on(opened: Answer | Streamed, send: Send) -> None:
    await send({"type": "http.response.start", "status": opened.status, "headers": to_caller(opened.headers)})
    if isinstance(opened, Answer):
        await send({"type": "http.response.body", "body": opened.body})
        return
    async for chunk in opened.chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _body(scope: Scope, receive: Receive) -> Body:
    if scope["method"] in ("GET", "HEAD"):
        return b""
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    if length.isdigit() and int(length) <= WHOLE_BYTES_MAX:
        return await whole_body(receive)
    return _pieces(receive)


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the caller hung up")
        more = message.get("more_body", False)
        if piece := message.get("body", b""):
            yield piece


def _searched(method: str, path: str) -> str | None:
    """The path of what is searched, `Observation` or `Patient/p1/Observation`; None of any other interaction."""
    if method == "POST" and path.endswith("/_search"):
        path = path.removesuffix("/_search")
    elif method not in ("GET", "HEAD"):
        return None
    parts = path.split("/")
    return path if len(parts) in (1, 3) and parts[-1][:1].isupper() else None
