"""A version as an HTTP response: stored bytes, headers from columns."""

from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.negotiation import preference
from bedside.fhir.rest.refusals import outcome
from bedside.fhir.store.current import Version
from bedside.fhir.store.draft import Written
from bedside.fhir.store.instants import moment

GONE = Refused(410, [Issue("deleted", "the resource was deleted")])
ABSENT = Refused(404, [Issue("not-found", "there is no such resource")])


def shown(exchange: Exchange, version: Version) -> Response:
    """200, or 304 when the client has it already."""
    headers = {"etag": f'W/"{version.version}"', "last-modified": http_date(version.updated)}
    if _is_known(exchange.request, version):
        return Response(status_code=304, headers=headers)
    return Response(exchange.wanted.body(version.body), headers=headers, media_type=exchange.wanted.media_type)


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


@lru_cache(maxsize=4096)
def http_date(updated: int) -> str:
    """`Thu, 15 Jan 2026 10:30:00 GMT`."""
    return format_datetime(moment(updated), usegmt=True)


def version_of(etag: str) -> int:
    """3 of `W/"3"`; also of `"3"` and `3`. Refused with 400 when it is none of these."""
    text = etag.strip().removeprefix("W/").strip('"')
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Refused(400, [Issue("value", 'an ETag of this server is W/"n"')])
    return int(text)


def _is_known(request: Request, version: Version) -> bool:
    tags = request.headers.get("if-none-match")
    if tags is not None:
        known = {tag.strip().removeprefix("W/").strip('"') for tag in tags.split(",")}
        return "*" in known or str(version.version) in known
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return int(parsedate_to_datetime(since).timestamp()) >= version.updated // 1_000_000
    except ValueError:
        # A date that cannot be read is to be ignored (RFC 9110, section 13.1.3).
        return False
