"""What each entry of a batch or transaction asks for."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.confinement import purview_of, refuse_unless
from bedside.fhir.rest.versions import version_of
from bedside.fhir.store.draft import Draft
from bedside.identity import Caller

_ADDRESS = re.compile(
    r"(?P<type>[A-Za-z]{1,64})"
    r"(?:/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/(?P<history>_history)(?:/(?P<version>[0-9]{1,9}))?)?)?"
    r"(?:\?(?P<query>.*))?",
    re.ASCII | re.DOTALL,
)
Method = Literal["GET", "HEAD", "POST", "PUT", "DELETE"]


@dataclass(frozen=True, slots=True)
class Entry:
    """`at` is `Bundle.entry[3]`."""

    at: str
    method: Method
    type_name: str
    id: str | None
    is_history: bool
    version: int | None
    query: str | None
    resource: dict[str, Any] | None
    full_url: str | None
    request: dict[str, Any]

    @property
    def writes(self) -> bool:
        return self.method in ("POST", "PUT", "DELETE")


def entry_of(raw: dict[str, Any], index: int, *, base_url: str, types: frozenset[str]) -> Entry:
    """Refused with 400, or 404 for a type that is not served here, when the request makes no sense."""
    at = f"Bundle.entry[{index}]"
    request = raw.get("request")
    if not isinstance(request, dict):
        raise Refused(400, [Issue("required", "an entry of a batch or transaction has a request", f"{at}.request")])
    method = request.get("method")
    if method not in ("GET", "HEAD", "POST", "PUT", "DELETE"):
        raise Refused(400, [Issue("not-supported", "this method is not supported in bundles", f"{at}.request.method")])
    url = str(request.get("url", "")).removeprefix(base_url).lstrip("/")
    match = _ADDRESS.fullmatch(url)
    if match is None:
        raise Refused(400, [Issue("value", "the url must be Type, Type/id or Type?query", f"{at}.request.url")])
    if match["type"] not in types:
        raise Refused(404, [Issue("not-supported", "this type is not served here", f"{at}.request.url")])
    entry = Entry(
        at=at,
        method=method,
        type_name=match["type"],
        id=match["id"],
        is_history=match["history"] is not None,
        version=None if match["version"] is None else int(match["version"]),
        query=match["query"],
        resource=raw.get("resource"),
        full_url=raw.get("fullUrl"),
        request=request,
    )
    if wrong := list(_wrong(entry)):
        raise Refused(400, wrong)
    return entry


def draft_of(entry: Entry, caller: Caller, *, linked: bool) -> Draft:
    """The write that a POST, PUT or DELETE asks for. Refused with 403 when the caller may not.

    `linked`: other entries may refer to this one by its fullUrl.
    """
    create_only = entry.request.get("ifNoneMatch", "").strip() == "*"
    if_match = entry.request.get("ifMatch")
    draft = Draft(
        {"POST": "create", "PUT": "update", "DELETE": "delete"}[entry.method],  # type: ignore[arg-type]
        entry.type_name,
        entry.id or str(uuid.uuid4()),
        None if entry.method == "DELETE" else entry.resource,
        at=entry.at,
        if_match=None if if_match is None else version_of(if_match),
        create_only=create_only,
        if_none_exist=entry.request.get("ifNoneExist"),
        full_url=entry.full_url if linked else None,
        purview=purview_of(caller),
    )
    refuse_unless(caller, draft.letter, entry.type_name, entry.at)
    return draft


def _wrong(entry: Entry) -> Iterator[Issue]:
    url = f"{entry.at}.request.url"
    if entry.writes and entry.query is not None:
        yield Issue("not-supported", "conditional update and delete are not supported", url)
    elif entry.writes and entry.is_history:
        yield Issue("value", "a version cannot be written", url)
    elif entry.method == "POST" and entry.id is not None:
        yield Issue("value", "POST goes to a type; to choose the id, use PUT", url)
    elif entry.method in ("PUT", "DELETE") and entry.id is None:
        yield Issue("value", f"{entry.method} goes to Type/id", url)
    if entry.method in ("POST", "PUT"):
        yield from _wrong_resource(entry)


def _wrong_resource(entry: Entry) -> Iterator[Issue]:
    at = f"{entry.at}.resource"
    if not isinstance(entry.resource, dict):
        yield Issue("required", "there is nothing to write", at)
        return
    if entry.resource.get("resourceType") != entry.type_name:
        yield Issue("invalid", f"resourceType must be {entry.type_name}, as in the url", f"{at}.resourceType")
    if entry.method == "PUT" and entry.id is not None and entry.resource.get("id") != entry.id:
        yield Issue("value", "id must be the id in the url", f"{at}.id")
