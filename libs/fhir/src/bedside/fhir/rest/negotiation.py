"""What the client sends and wants back: media types, `_format`, `_pretty`, `Prefer`.

https://hl7.org/fhir/R4/http.html#mime-type
"""

from dataclasses import dataclass
from functools import lru_cache

import orjson
from starlette.requests import Request

from bedside.fhir import exact_json
from bedside.fhir.outcome import Issue, Refused

_JSON = ("application/fhir+json", "application/json", "text/json", "application/json+fhir")
_ANY = ("*/*", "application/*")
_FORMATS = (*_JSON, "json")
_FHIR_VERSIONS = ("4.0", "4.0.1", "R4", "r4")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the answer is to look."""

    media_type: str = "application/fhir+json"
    pretty: bool = False

    def body(self, stored: bytes) -> bytes:
        """The stored bytes; indented when that was asked for."""
        if not self.pretty:
            return stored
        return orjson.dumps(
            exact_json.parse(stored), default=lambda n: orjson.Fragment(str(n)), option=orjson.OPT_INDENT_2
        )


def wanted(request: Request, pairs: list[tuple[str, str]], *, also: str | None = None) -> Wanted:
    """Refused with 406 when the client accepts nothing that we speak. `_format` outranks the header.

    `also` is a media type beside FHIR's that the answer itself has.
    """
    named = next((value for name, value in pairs if name == "_format"), None)
    pretty = any(name == "_pretty" and value == "true" for name, value in pairs)
    accept = request.headers.get("accept", "*/*") if named is None else named.replace(" ", "+")
    media_type = _chosen(accept, by_format=named is not None)
    if media_type is None and not (also is not None and also in accept):
        raise Refused(406, [Issue("not-supported", "only application/fhir+json of FHIR 4.0 is spoken here")])
    return Wanted(media_type or "application/fhir+json", pretty)


@lru_cache(maxsize=256)
def _chosen(accept: str, *, by_format: bool) -> str | None:
    for part in accept.split(","):
        media_type, parameters = _taken_apart(part)
        if parameters.get("fhirversion", "4.0") not in _FHIR_VERSIONS or parameters.get("q") in ("0", "0.0"):
            continue
        if media_type == "application/json":
            return "application/json"
        if media_type in _JSON or (by_format and media_type in _FORMATS) or (not by_format and media_type in _ANY):
            return "application/fhir+json"
    return None


def check_sent(request: Request) -> None:
    """Refused with 415 when the body is not FHIR's JSON."""
    media_type, parameters = _taken_apart(request.headers.get("content-type", ""))
    if media_type not in _JSON or parameters.get("fhirversion", "4.0") not in _FHIR_VERSIONS:
        raise Refused(415, [Issue("not-supported", "send application/fhir+json of FHIR 4.0")])
    if parameters.get("charset", "utf-8").lower() != "utf-8":
        raise Refused(415, [Issue("not-supported", "send UTF-8")])


def preference(request: Request, name: str) -> str | None:
    """`minimal` of `Prefer: return=minimal`."""
    for header in request.headers.getlist("prefer"):
        for part in header.replace(";", ",").split(","):
            key, _, value = part.strip().partition("=")
            if key.strip().lower() == name.lower():
                return value.strip().strip('"')
    return None


def _taken_apart(header: str) -> tuple[str, dict[str, str]]:
    media_type, *parts = header.split(";")
    pairs = (part.partition("=") for part in parts)
    return media_type.strip().lower(), {n.strip().lower(): v.strip().strip('"') for n, _, v in pairs}
