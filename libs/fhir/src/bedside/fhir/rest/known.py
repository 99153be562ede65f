"""Which version an answer shows, and whether the client has it already.

https://hl7.org/fhir/R4/http.html#cread
"""

from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache

from starlette.requests import Request

from bedside.fhir.store.current import Version
from bedside.fhir.store.instants import moment


def version_headers(version: Version) -> dict[str, str]:
    """ETag and Last-Modified."""
    return {"etag": f'W/"{version.version}"', "last-modified": http_date(version.updated)}


def is_known(request: Request, version: Version) -> bool:
    """Whether the client says that it has this version. ETags outrank dates (RFC 9110, section 13.2.2)."""
    tags = request.headers.getlist("if-none-match")
    if tags:
        known = {tag.strip().removeprefix("W/").strip('"') for each in tags for tag in each.split(",")}
        return "*" in known or str(version.version) in known
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return int(parsedate_to_datetime(since).timestamp()) >= version.updated // 1_000_000
    except (ValueError, OverflowError, TypeError):
        # A date that cannot be read is to be ignored (RFC 9110, section 13.1.3).
        return False


@lru_cache(maxsize=4096)
def http_date(updated: int) -> str:
    """`Thu, 15 Jan 2026 10:30:00 GMT`."""
    return format_datetime(moment(updated), usegmt=True)
