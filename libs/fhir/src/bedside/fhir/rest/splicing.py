"""Bundles put together from stored bytes: resources are never parsed on the way out."""

from typing import Any
from urllib.parse import quote

import orjson


class Bundle:
    """A Bundle in the making; `bytes` ends it."""

    def __init__(self, type_code: str, *, total: int | None = None) -> None:
        self._head: dict[str, Any] = {"resourceType": "Bundle", "type": type_code}
        if total is not None:
            self._head["total"] = total
        self._links: list[dict[str, str]] = []
        self._entries: list[bytes] = []

    def link(self, relation: str, url: str) -> None:
        """`url` may hold what the client sent: it is escaped where it must be."""
        self._links.append({"relation": relation, "url": quote(url, safe="/:?=&%,|$+;@!*'()~_.-")})

    def entry(self, *, full_url: str | None = None, resource: bytes | None = None, **parts: dict[str, Any]) -> None:
        """`parts` are `search`, `request` and `response`."""
        made = b""
        if full_url is not None:
            made += b',"fullUrl":' + orjson.dumps(full_url)
        if resource is not None:
            made += b',"resource":' + resource
        for name, part in parts.items():
            made += b',"' + name.encode() + b'":' + orjson.dumps(part)
        self._entries.append(b"{" + made[1:] + b"}")

    def bytes(self) -> bytes:
        """The whole; empty arrays are left out, as FHIR wants."""
        if self._links:
            self._head["link"] = self._links
        head = orjson.dumps(self._head)
        if not self._entries:
            return head
        return head[:-1] + b',"entry":[' + b",".join(self._entries) + b"]}"
