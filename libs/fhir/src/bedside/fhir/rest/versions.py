"""A version as an HTTP response: stored bytes, headers from columns."""

from starlette.responses import Response

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.known import http_date, is_known, version_headers
from bedside.fhir.rest.negotiation import preference
from bedside.fhir.rest.refusals import outcome
from bedside.fhir.search.subset import Subset
from bedside.fhir.store.current import Version
from bedside.fhir.store.draft import Written

GONE = Refused(410, [Issue("deleted", "the resource was deleted")])
ABSENT = Refused(404, [Issue("not-found", "there is no such resource")])


def shown(exchange: Exchange, version: Version, subset: Subset | None = None) -> Response:
    """200 with the whole or a part of it, or 304 when the client has it already."""
    headers = version_headers(version)
    if is_known(exchange.request, version):
        return Response(status_code=304, headers=headers)
    body = version.body if subset is None else subset.shown(version.body)
    return Response(exchange.wanted.body(body), headers=headers, media_type=exchange.wanted.media_type)


def answered(exchange: Exchange, written: Written) -> Response:
    """What `Prefer` asks to see of a resource that was written."""
    address = f"{exchange.engine.base_url}/{written.type_name}/{written.id}/_history/{written.version}"
    headers = {"etag": f'W/"{written.version}"', "last-modified": http_date(written.updated)}
    if written.status == 201:
        headers["location"] = address
    wish = preference(exchange.request, "return")
    if wish == "minimal":
        return Response(status_code=written.status, headers=headers)
    if wish == "OperationOutcome":
        done = Issue("informational", "the resource was stored", severity="information")
        return outcome(written.status, done, headers=headers)
    return Response(exchange.wanted.body(written.body), written.status, headers, media_type=exchange.wanted.media_type)


def version_of(etag: str) -> int:
    """3 of `W/"3"`; also of `"3"` and `3`. Refused with 400 when it is none of these."""
    text = etag.strip().removeprefix("W/").strip('"')
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Refused(400, [Issue("value", 'an ETag of this server is W/"n"')])
    return int(text)
