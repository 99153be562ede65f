"""Binary: content of any type, sent and received as it is. https://hl7.org/fhir/R4/binary.html#rest"""

import re
from base64 import b64decode, b64encode
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest import negotiation
from bedside.fhir.rest.known import is_known, version_headers
from bedside.fhir.store.current import Version

# Content is somebody's: a browser that is led to it shall neither run it nor guess another type for it.
_HARMLESS = {
    "x-content-type-options": "nosniff",
    "content-disposition": "attachment",
    "content-security-policy": "default-src 'none'; sandbox",
}
_TOKEN = r"[A-Za-z0-9!#$&^_.+\-]{1,127}"  # noqa: S105 - RFC 6838, section 4.2
_MEDIA_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(\s*;[\x20-\x7e]*)?", re.ASCII)


def raw_answer(request: Request, pairs: list[tuple[str, str]], version: Version) -> Response | None:
    """The content with its own type; None when the client asks for the resource.

    R4: unless FHIR's type is asked for in so many words, the content is what is meant. Refused with 406 when the client
    accepts neither.
    """
    if any(name == "_format" for name, _ in pairs):
        return None
    resource = orjson.loads(version.body)
    media_type = str(resource.get("contentType", "application/octet-stream"))
    if _wants_resource(",".join(request.headers.getlist("accept")) or "*/*", media_type):
        return None
    headers = {**version_headers(version), **_HARMLESS}
    if isinstance(context := resource.get("securityContext", {}).get("reference"), str) and context.isascii():
        headers["x-security-context"] = context
    if is_known(request, version):
        return Response(status_code=304, headers=headers)
    # A type that cannot stand in a header is not repeated there.
    headers["content-type"] = media_type if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream"
    return Response(b64decode(resource.get("data", "")), headers=headers)


def _wants_resource(accept: str, media_type: str) -> bool:
    own = media_type.partition(";")[0].strip().lower()
    matching = ("*/*", own, f"{own.partition('/')[0]}/*")
    for wanted, _ in negotiation.ranges(accept):
        if wanted in matching:
            return False
        if negotiation.is_fhir(wanted):
            return True
    raise Refused(406, [Issue("not-supported", f"the content is {own}; it is also shown as {negotiation.JSON}")])


def of_content(request: Request, content: bytes, id: str) -> dict[str, Any]:
    """The resource that holds what was sent; `id` is empty for a create. Refused with 415 without a media type."""
    media_type = request.headers.get("content-type", "").strip()
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise Refused(415, [Issue("not-supported", "say by Content-Type what the content is")])
    resource: dict[str, Any] = {"resourceType": "Binary"}
    if id:
        resource["id"] = id
    resource["contentType"] = media_type
    if context := request.headers.get("x-security-context"):
        resource["securityContext"] = {"reference": context}
    if content:
        resource["data"] = b64encode(content).decode()
    return resource
