"""What each entry of a batch or transaction asks for."""

import base64
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode

from bedside.fhir import exact_json
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.patches.patch import Patch
from bedside.fhir.patches.reading import patch_of, refuse_other_format
from bedside.fhir.rest.confinement import purview_of, refuse_unless
from bedside.fhir.rest.exchange import query_pairs
from bedside.fhir.rest.versions import version_of
from bedside.fhir.rest.writing import CASCADE
from bedside.fhir.store.draft import Draft, Kind
from bedside.identity import Caller

# A client that resolves addresses would make something else of `.` and `..`.
_ID = r"(?!\.{1,2}(?:[/?]|$))[A-Za-z0-9\-.]{1,64}"
_ADDRESS = re.compile(
    rf"(?:(?P<within>[A-Za-z]{{1,64}}/{_ID})/)?(?P<type>[A-Za-z]{{1,64}})"
    rf"(?:/(?P<id>{_ID}))?(?:/(?P<history>_history)(?:/(?P<version>[0-9]{{1,9}}))?)?"
    r"(?:\?(?P<query>.*))?",
    re.ASCII | re.DOTALL,
)
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_KINDS: dict[str, Kind] = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Entry:
    """`at` is `Bundle.entry[3]`. `within` is the resource, as `Patient/p1`, in whose compartment is searched."""

    at: str
    method: Method
    within: str | None
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
        return self.method not in ("GET", "HEAD")


def entry_of(raw: dict[str, Any], index: int, *, base_url: str, types: frozenset[str]) -> Entry:
    """Refused with 400, or 404 for a type that is not served here, when the request makes no sense."""
    at = f"Bundle.entry[{index}]"
    request = raw.get("request")
    if not isinstance(request, dict):
        raise Refused(400, [Issue("required", "an entry of a batch or transaction has a request", f"{at}.request")])
    method = request.get("method")
    if not isinstance(raw.get("resource", {}), dict):
        raise Refused(400, [Issue("structure", "a resource is a JSON object", f"{at}.resource")])
    if method not in _METHODS:
        raise Refused(400, [Issue("value", f"the method is one of {', '.join(_METHODS)}", f"{at}.request.method")])
    url = address_of(raw, base_url=base_url)
    match = _ADDRESS.fullmatch(url)
    if match is None:
        raise Refused(400, [Issue("value", "the url must be Type, Type/id or Type?query", f"{at}.request.url")])
    if match["type"] not in types:
        raise Refused(404, [Issue("not-supported", "this type is not served here", f"{at}.request.url")])
    entry = Entry(
        at=at,
        method=method,
        within=match["within"],
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


def address_of(raw: dict[str, Any], *, base_url: str) -> str:
    """Below the base: `Patient/p1`."""
    return str(raw["request"].get("url", "")).removeprefix(base_url).lstrip("/")


def draft_of(entry: Entry, caller: Caller, *, linked: bool) -> Draft:
    """The write that an entry asks for. Refused with 403 when the caller may not.

    `linked`: other entries may refer to this one by its fullUrl.
    """
    create_only = entry.request.get("ifNoneMatch", "").strip() == "*"
    if_match = entry.request.get("ifMatch")
    sent_id = entry.resource.get("id") if entry.resource is not None and entry.method == "PUT" else None
    new_id = sent_id or str(uuid.uuid4())
    draft = Draft(
        _KINDS[entry.method],
        entry.type_name,
        entry.id or new_id,
        entry.resource if entry.method in ("POST", "PUT") else None,
        at=entry.at,
        if_match=None if if_match is None else version_of(if_match),
        create_only=create_only,
        if_none_exist=entry.request.get("ifNoneExist"),
        criteria=_criteria(entry),
        new_id=new_id,
        sent_id=sent_id,
        patch=_patch(entry) if entry.method == "PATCH" else None,
        cascades=entry.method == "DELETE" and "delete" in _cascades(entry),
        full_url=entry.full_url if linked else None,
        purview=purview_of(caller),
    )
    refuse_unless(caller, draft.letter, entry.type_name, entry.at)
    return draft


def _criteria(entry: Entry) -> str | None:
    """Which resource is meant, where the url names none."""
    if entry.id is not None or entry.method == "POST":
        return None
    return urlencode([pair for pair in query_pairs(entry.query or "") if pair[0] != CASCADE])


def _cascades(entry: Entry) -> list[str]:
    return [value for name, value in query_pairs(entry.query or "") if name == CASCADE]


def _patch(entry: Entry) -> Patch:
    """Of a Binary that holds the patch in another format, or of Parameters: https://hl7.org/fhir/R4/http.html#patch"""
    assert entry.resource is not None, "an entry without a resource was refused"
    if entry.resource["resourceType"] == "Parameters":
        return _placed(lambda: patch_of("application/fhir+json", entry.resource), entry)
    media_type = str(entry.resource.get("contentType", "")).partition(";")[0].strip().lower()

    def read() -> Patch:
        refuse_other_format(media_type)
        return patch_of(media_type, exact_json.parse(base64.b64decode(entry.resource["data"], validate=True)))  # type: ignore[index]

    return _placed(read, entry)


def _placed(read: Callable[[], Patch], entry: Entry) -> Patch:
    at = f"{entry.at}.resource"
    try:
        return read()
    except Refused as refused:
        raise Refused(400, [Issue(issue.code, issue.text, at) for issue in refused.issues]) from refused
    except (KeyError, TypeError, ValueError, exact_json.Malformed) as error:
        raise Refused(400, [Issue("structure", "data holds no patch in base64", f"{at}.data")]) from error


def _wrong(entry: Entry) -> Iterator[Issue]:
    url = f"{entry.at}.request.url"
    if entry.writes and (entry.is_history or entry.within is not None):
        yield Issue("value", "what is written is at Type/id or Type?criteria", url)
    elif (entry.within and (entry.id or entry.is_history)) or (entry.version is not None and entry.id is None):
        yield Issue("value", "there is nothing to read at this url", url)
    elif entry.method == "POST" and entry.id is not None:
        yield Issue("value", "POST goes to a type; to choose the id, use PUT", url)
    elif entry.method == "POST" and entry.query is not None:
        yield Issue("value", "the criteria of a conditional create are ifNoneExist", url)
    elif entry.method in ("PUT", "PATCH", "DELETE") and entry.id is None and not entry.query:
        yield Issue("value", f"{entry.method} goes to Type/id or Type?criteria", url)
    yield from _wrong_conditions(entry)
    if entry.method in ("POST", "PUT"):
        yield from _wrong_resource(entry)
    if entry.method == "PATCH" and (entry.resource or {}).get("resourceType") not in ("Binary", "Parameters"):
        yield Issue("value", "a patch is a Binary that holds it, or Parameters", f"{entry.at}.resource")


def _wrong_conditions(entry: Entry) -> Iterator[Issue]:
    """A condition that means nothing here is not passed over: what was to be kept from happening would happen."""
    if entry.writes and entry.request.get("ifNoneMatch", "*").strip() != "*":
        yield Issue("not-supported", "ifNoneMatch of a write can only be *", f"{entry.at}.request.ifNoneMatch")
    if entry.method != "POST" and "ifNoneExist" in entry.request:
        yield Issue("value", "ifNoneExist is of POST; put the criteria in the url", f"{entry.at}.request.ifNoneExist")
    if entry.method == "DELETE" and set(_cascades(entry)) - {"delete", "none"}:
        yield Issue("value", f"{CASCADE} is delete or none", f"{entry.at}.request.url")


def _wrong_resource(entry: Entry) -> Iterator[Issue]:
    at = f"{entry.at}.resource"
    if not isinstance(entry.resource, dict):
        yield Issue("required", "there is nothing to write", at)
        return
    if entry.resource.get("resourceType") != entry.type_name:
        yield Issue("invalid", f"resourceType must be {entry.type_name}, as in the url", f"{at}.resourceType")
    if entry.method == "PUT" and entry.id is not None and entry.resource.get("id") != entry.id:
        yield Issue("value", "id must be the id in the url", f"{at}.id")
