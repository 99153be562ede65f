"""A bundle's entry that needs the gateway, carried out as the request it stands for."""

import re
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Scope

from bedside.fhir import exact_json
from bedside.fhir.outcome import Refused
from bedside.gateway.federation.coordination import Headers
from bedside.gateway.federation.entries import Entry
from bedside.gateway.federation.searching import Searches
from bedside.gateway.federation.semi_joins import Asking

_CONDITIONS = {"ifMatch": "if-match", "ifNoneMatch": "if-none-match", "ifModifiedSince": "if-modified-since"}
_RETURNED = {"location": "location", "etag": "etag"}


# What an owner's bundle reads: a resource, a version, a history.
_READ = re.compile(r"[A-Za-z0-9\-.]{1,64}(/_history(/[0-9]{1,9})?)?", re.ASCII)


class Alone:
    """`base` answers what is below `/fhir`, as it answers the caller's other requests."""

    def __init__(self, base: ASGIApp) -> None:
        self._base = base

    async def carried_out(self, entry: Entry, *, bearer: str, headers: Headers) -> dict[str, Any]:
        """The entry of the response."""
        body = exact_json.emit(entry.resource) if entry.resource is not None else b""
        status, told, content = await self._asked(self._scope(entry, body, bearer, headers), body)
        response: dict[str, Any] = {"status": f"{status} {HTTPStatus(status).phrase}"}
        response |= {name: told[header] for name, header in _RETURNED.items() if header in told}
        if not content:
            return {"response": response}
        resource = exact_json.parse(content)
        if status >= HTTPStatus.BAD_REQUEST:
            return {"response": {**response, "outcome": resource}}
        updated = resource.get("meta", {}).get("lastUpdated")
        return {"resource": resource, "response": {**response, **({"lastModified": updated} if updated else {})}}

    async def _asked(self, scope: Scope, body: bytes) -> tuple[int, dict[str, str], bytes]:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._base(scope, receive, send)
        told = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return sent[0]["status"], told, b"".join(each.get("body", b"") for each in sent[1:])

    def _scope(self, entry: Entry, body: bytes, bearer: str, headers: Headers) -> Scope:
        path, _, query = entry.url.partition("?")
        said = {
            "authorization": f"Bearer {bearer}",
            "content-length": str(len(body)),
            **({"content-type": "application/fhir+json"} if body else {}),
            **{header: entry.request[name] for name, header in _CONDITIONS.items() if name in entry.request},
            **dict(headers),
        }
        return {
            "type": "http",
            "http_version": "1.1",
            "method": entry.method,
            "path": f"/fhir/{path}",
            "raw_path": quote(f"/fhir/{path}", safe="/$*-._~%:|,").encode(),
            "query_string": quote(query, safe="=&%+$,:;|~!'()*@-._/?<>").encode(),
            "headers": [(name.encode(), str(value).encode("latin-1", "replace")) for name, value in said.items()],
        }


def needs_gateway(entry: Entry, searches: Searches) -> bool:
    """Whether more than one owner may be concerned, or an owner's bundle does not know such a url."""
    if entry.method == "DELETE":
        return not entry.rest or "_cascade" in entry.criteria
    if entry.method not in ("GET", "HEAD"):
        return "$" in entry.target
    if entry.rest:
        return not _READ.fullmatch(entry.rest)
    try:
        return entry.owner is None or searches.plan(entry.type_name, entry.criteria) is not None
    except Refused:
        return True


async def joined_criteria(entry: Entry, searches: Searches, asking: Asking) -> None:
    """Makes the criteria of a conditional write such that its owner can search for them. Raises as `criteria` does."""
    if entry.method in ("PUT", "PATCH") and entry.criteria:
        joined = await searches.criteria(entry.type_name, entry.criteria, asking)
        if joined != entry.criteria:
            entry.url, entry.changed = f"{entry.target}?{joined}", True
    wanted = entry.request.get("ifNoneExist")
    if entry.method == "POST" and isinstance(wanted, str):
        joined = await searches.criteria(entry.type_name, wanted.removeprefix("?"), asking)
        if joined != wanted.removeprefix("?"):
            entry.source = {**entry.source, "request": {**entry.request, "ifNoneExist": joined}}
            entry.changed = True
