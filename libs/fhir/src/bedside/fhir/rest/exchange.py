"""One request on its way through an interaction."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from bedside.fhir import exact_json
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest import binary
from bedside.fhir.rest.engine import Engine
from bedside.fhir.rest.negotiation import Wanted, check_sent, is_fhir
from bedside.fhir.store.draft import Author
from bedside.identity import Caller

_PAIRS_MAX = 1000
_TOO_LARGE = Refused(413, [Issue("too-long", "the body is larger than this server takes")])


@dataclass(slots=True)
class Exchange:
    """`type_name` and `id` are of the address; empty where it has none."""

    engine: Engine
    request: Request
    caller: Caller
    wanted: Wanted
    pairs: list[tuple[str, str]]
    type_name: str = ""
    id: str = ""
    _author: Author | None = field(default=None)

    @property
    def author(self) -> Author:
        """For the record of who wrote what."""
        request_id = self.request.headers.get("x-request-id", "")[:64]
        return Author(who=self.caller.subject, request_id=request_id)

    @property
    def search_pairs(self) -> list[tuple[str, str]]:
        """The query without what only shapes the answer's bytes."""
        return [pair for pair in self.pairs if pair[0] not in ("_format", "_pretty")]

    async def body(self) -> bytes:
        """Refused with 413 as soon as it is known to be too large; the rest is not read."""
        limit = self.engine.body_bytes_max
        announced = self.request.headers.get("content-length", "0")
        if announced.isdigit() and int(announced) > limit:
            raise _TOO_LARGE
        parts: list[bytes] = []
        size = 0
        async for part in self.request.stream():
            size += len(part)
            if size > limit:
                raise _TOO_LARGE
            parts.append(part)
        return b"".join(parts)

    async def sent(self) -> dict[str, Any]:
        """The resource in the body, not yet validated. Refused with 415 or 400."""
        if self.type_name == "Binary" and not is_fhir(self.request.headers.get("content-type", "")):
            return binary.of_content(self.request, await self.body(), self.id)
        check_sent(self.request)
        return _resource(await self.body())

    async def sent_if_any(self) -> dict[str, Any] | None:
        """As `sent`; None when the body is empty."""
        body = await self.body()
        if not body:
            return None
        check_sent(self.request)
        return _resource(body)


def _resource(body: bytes) -> dict[str, Any]:
    try:
        value = exact_json.parse(body)
    except exact_json.Malformed as malformed:
        raise Refused(400, [Issue("structure", str(malformed))]) from malformed
    if not isinstance(value, dict):
        raise Refused(400, [Issue("structure", "a resource is a JSON object")])
    return value


def query_pairs(text: str) -> list[tuple[str, str]]:
    """Refused with 400 when there are absurdly many."""
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_PAIRS_MAX, errors="strict")
    except (ValueError, UnicodeDecodeError) as error:
        raise Refused(400, [Issue("invalid", "the query cannot be read")]) from error
