"""A bundle's entries as the gateway looks at them: what each asks for, and whose it is."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from bedside.fhir import exact_json
from bedside.fhir.outcome import Issue, Refused
from bedside.gateway.federation.refusals import FHIR_JSON, unknown_type
from bedside.gateway.federation.several import place_of
from bedside.gateway.owners import Owners

ENTRIES_MAX = 20_000
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)


@dataclass(slots=True)
class Entry:
    """`url` is relative to the base; `owner` is None for what concerns no type: `_history`, `?_type=…`, `$op`."""

    index: int
    method: str
    url: str
    type_name: str
    owner: str | None
    source: dict[str, Any]
    changed: bool = False
    """Whether it is no longer what the caller sent."""

    @property
    def rest(self) -> str:
        """The path after the type: an id, `_search`, or nothing."""
        return self.url.partition("?")[0].partition("/")[2]

    @property
    def criteria(self) -> str:
        return self.url.partition("?")[2]

    @property
    def target(self) -> str:
        """`Patient/p1`, or the type alone."""
        return self.url.partition("?")[0]

    @property
    def request(self) -> dict[str, Any]:
        request: dict[str, Any] = self.source["request"]
        return request

    @property
    def resource(self) -> dict[str, Any] | None:
        return self.source.get("resource")

    @property
    def full_url(self) -> str | None:
        given = self.source.get("fullUrl")
        return given if isinstance(given, str) else None

    @property
    def place(self) -> str:
        return f"Bundle.entry[{self.index}]"


def parsed(body: bytes) -> dict[str, Any]:
    """The batch or transaction in the body. Refused with a 400 when it is neither."""
    try:
        bundle = exact_json.parse(body)
    except exact_json.Malformed as malformed:
        raise Refused(400, [Issue("structure", f"The body cannot be read: {malformed}.")]) from malformed
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise Refused(400, [Issue("structure", "A Bundle is expected here.", "Bundle")])
    if bundle.get("type") not in ("batch", "transaction"):
        raise Refused(400, [Issue("value", "Only a Bundle of type batch or transaction is taken.", "Bundle.type")])
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise Refused(400, [Issue("structure", "This is to be a list.", "Bundle.entry")])
    if len(entries) > ENTRIES_MAX:
        raise Refused(413, [Issue("too-long", f"A bundle holds at most {ENTRIES_MAX} entries.", "Bundle.entry")])
    return bundle


def examined(bundle: dict[str, Any], owners: Owners) -> tuple[list[Entry], dict[int, list[Issue]]]:
    """The entries that make sense, and by index what is wrong with the others."""
    good: list[Entry] = []
    wrong: dict[int, list[Issue]] = {}
    for index, source in enumerate(bundle.get("entry", [])):
        entry, issues = _examined(index, source, owners)
        if issues:
            wrong[index] = issues
        elif entry is not None:
            good.append(entry)
    return good, wrong


def repeated(entries: Iterable[Entry]) -> list[Issue]:
    """A transaction may not touch one resource twice, nor call two entries by one name."""
    issues: list[Issue] = []
    seen: set[str] = set()
    for entry in entries:
        touched = entry.url if entry.method in ("PUT", "PATCH", "DELETE") and entry.rest else None
        for name, at in ((touched, "request.url"), (entry.full_url, "fullUrl")):
            if name is not None and name in seen:
                issues.append(
                    Issue("duplicate", "Another entry of this transaction is the same.", f"{entry.place}.{at}")
                )
            elif name is not None:
                seen.add(name)
    return issues


def answered(kind: str, entries: list[dict[str, Any]]) -> Response:
    """The response Bundle; FHIR knows no empty lists."""
    bundle = {"resourceType": "Bundle", "type": kind, **({"entry": entries} if entries else {})}
    return Response(exact_json.emit(bundle), media_type=FHIR_JSON)


def _examined(index: int, source: Any, owners: Owners) -> tuple[Entry | None, list[Issue]]:
    place = f"Bundle.entry[{index}]"
    if not isinstance(source, dict):
        return None, [Issue("structure", "An entry is to be an object.", place)]
    request = source.get("request")
    if not isinstance(request, dict):
        return None, [Issue("required", "The entry says no request.", f"{place}.request")]
    method, url = request.get("method"), request.get("url")
    issues = []
    if method not in METHODS:
        issues.append(Issue("value", "This is to be GET, HEAD, POST, PUT, PATCH or DELETE.", f"{place}.request.method"))
    if not isinstance(url, str) or not url:
        issues.append(Issue("required", "The request says no url.", f"{place}.request.url"))
    if issues or not isinstance(url, str) or not isinstance(method, str):
        return None, issues
    url = owners.below_base(url)
    type_name = re.split(r"[/?]", url, maxsplit=1)[0]
    entry = Entry(index, method, url, type_name, owners.owner_of(type_name), source)
    return entry, [*_url_issues(entry), *_resource_issues(entry)]


def _url_issues(entry: Entry) -> list[Issue]:
    at = f"{entry.place}.request.url"
    if place_of(entry.method, entry.target) is not None or entry.target.startswith("$"):
        return []
    if not re.fullmatch(r"[A-Z][A-Za-z]{1,63}", entry.type_name):
        return [Issue("not-supported", "A url in a bundle begins with a resource type.", at)]
    if entry.owner is None:
        return [unknown_type(entry.type_name, at)]
    if entry.method in ("PUT", "PATCH", "DELETE"):
        if entry.rest and not _ID.fullmatch(entry.rest):
            return [Issue("value", "The url names no valid id.", at)]
        if not entry.rest and not entry.criteria:
            return [Issue("value", "The url is to name an id or criteria.", at)]
    return []


def _resource_issues(entry: Entry) -> list[Issue]:
    at = f"{entry.place}.resource"
    resource = entry.source.get("resource")
    if entry.method == "POST" and entry.rest:
        return []
    if entry.method in ("POST", "PUT"):
        if not isinstance(resource, dict):
            return [Issue("required", "The entry holds no resource.", at)]
        if resource.get("resourceType") != entry.type_name:
            return [Issue("invalid", "The url asks for another type than the resource has.", f"{at}.resourceType")]
        if entry.method == "PUT" and entry.rest and resource.get("id") != entry.rest:
            return [Issue("value", "The resource's id is not the one in the url.", f"{at}.id")]
    return []
