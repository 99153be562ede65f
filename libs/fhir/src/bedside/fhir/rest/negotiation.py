"""What the client sends and wants back: media types, `_format`, `_pretty`, `Prefer`.

https://hl7.org/fhir/R4/http.html#mime-type
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import orjson
from starlette.requests import Request

from bedside.fhir import exact_json
from bedside.fhir.outcome import Issue, Refused

JSON = "application/fhir+json"
ANYTHING = "*/*"
RANGES_MAX = 100
_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)
_JSON = (JSON, "application/json", "text/json", "application/json+fhir")
_ANY = ("*/*", "application/*")
_FORMATS = (*_JSON, "json")
_FHIR_VERSIONS = ("4.0", "4.0.1", "R4", "r4")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the answer is to look."""

    media_type: str = JSON
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

    `also` is a media type beside FHIR's that the answer itself has; with ANYTHING the interaction looks for itself.
    """
    named = next((value for name, value in pairs if name == "_format"), None)
    pretty = any(name == "_pretty" and value == "true" for name, value in pairs)
    accept = ",".join(request.headers.getlist("accept")) or "*/*" if named is None else named.replace(" ", "+")
    media_type = _chosen(accept, by_format=named is not None)
    is_other = named is None if also == ANYTHING else also is not None and also in accept
    if media_type is None and not is_other:
        raise Refused(406, [Issue("not-supported", "only application/fhir+json of FHIR 4.0 is spoken here")])
    return Wanted(media_type or JSON, pretty)


@lru_cache(maxsize=256)
def _chosen(accept: str, *, by_format: bool) -> str | None:
    for media_type, parameters in ranges(accept):
        if parameters.get("fhirversion", "4.0") not in _FHIR_VERSIONS:
            continue
        if media_type == "application/json":
            return "application/json"
        if media_type in _JSON or (by_format and media_type in _FORMATS) or (not by_format and media_type in _ANY):
            return JSON
    return None


def ranges(accept: str) -> list[tuple[str, dict[str, str]]]:
    """The media ranges of an Accept header, the most wanted first; those with `q=0` are left out.

    https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
    """
    parts = [_taken_apart(part) for part in accept.split(",", RANGES_MAX)[:RANGES_MAX]]
    weighed = [(_weight(parameters), (media_type, parameters)) for media_type, parameters in parts]
    return [part for weight, part in sorted(weighed, key=lambda each: -each[0]) if weight > 0]


def _weight(parameters: dict[str, str]) -> float:
    """What cannot be read counts as 0: nobody asked for it in so many words."""
    text = parameters.get("q", "1")
    return float(text) if _QUALITY.fullmatch(text) else 0


def is_fhir(content_type: str) -> bool:
    """Whether a Content-Type is one of FHIR's JSON."""
    return _taken_apart(content_type)[0] in _JSON


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
