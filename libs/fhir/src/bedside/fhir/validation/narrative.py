"""Narrative that is safe to show: https://hl7.org/fhir/R4/narrative.html (invariants txt-1 and txt-2)."""

import re
from html.entities import html5
from typing import Any
from xml.parsers import expat

from bedside.fhir.validation.problem import Found, Scope, wrong

_XHTML = "http://www.w3.org/1999/xhtml"

# Chapters 7 to 11 and 15 of HTML 4.0, without its section 9.4 (insertions and deletions) and what it deprecates.
_ELEMENTS = frozenset(
    """
    a abbr acronym address b bdo big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6
    hr i img kbd li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var
    """.split()  # noqa: SIM905 - read as words
)
_ATTRIBUTES = frozenset(
    """
    abbr accesskey align alt axis border cellpadding cellspacing char charoff cite class colspan dir frame headers
    height href id lang longdesc name rowspan rules scope span src start style summary tabindex title type valign value
    width xml:lang xml:space
    """.split()  # noqa: SIM905 - read as words
)
_LINKS = frozenset({"href", "src", "cite", "longdesc"})
_is_safe_link = re.compile(
    r"(?:https?:|ftp:|mailto:|tel:|data:image/(?:png|gif|jpeg);|urn:|cid:|[^:]*(?:[/?#].*)?$).*", re.I | re.S
).match
_is_unsafe_style = re.compile(
    r"expression\s*\(|javascript:|url\s*\((?!\s*[\"\']?(?:data:\s*image/|(?!//)[\w./-]+[\"\']?\s*\)))|@import|behaviou?r\s*:|\\",
    re.I,
).search

_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*;)")
_OF_XML = frozenset({"amp;", "lt;", "gt;", "quot;", "apos;"})

_NOT_TEXT = wrong("value", "must be XHTML text")
_EMPTY = wrong("structure", "must not be empty")
_NOT_XHTML = wrong("value", "must be well-formed XHTML: one div in the namespace http://www.w3.org/1999/xhtml")
_UNSAFE = wrong(
    "invariant", "txt-1: must hold only formatting, links and images: no scripts, forms, frames or handlers"
)
_BLANK = wrong("invariant", "txt-2: must have some text or an image")


class _Refused(Exception):
    def __init__(self, found: Found) -> None:
        self.found = found


def check_narrative(value: Any, holder: dict[str, Any], scope: Scope) -> Found:
    """The check of `Narrative.div`."""
    if value.__class__ is not str:
        return _NOT_TEXT
    if not value:
        return _EMPTY
    reading = _Reading()
    try:
        reading.parser.Parse(_ENTITY.sub(_as_character, value), True)
    except _Refused as refused:
        return refused.found
    except (expat.ExpatError, UnicodeEncodeError):
        return _NOT_XHTML
    return None if reading.shows_something else _BLANK


class _Reading:
    """One pass over the XHTML; nothing of it is kept.

    Expat reads no external entities by itself, and a document type is refused before it could declare any.
    """

    def __init__(self) -> None:
        self.shows_something = False
        self._is_root = True
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.ProcessingInstructionHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.CharacterDataHandler = self._text

    def _refuse(self, *_: object) -> None:
        raise _Refused(_UNSAFE)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, element = name.rpartition(" ")
        if namespace != _XHTML or (self._is_root and element != "div"):
            raise _Refused(_NOT_XHTML)
        self._is_root = False
        if element not in _ELEMENTS or not all(_is_safe(each, value) for each, value in attributes.items()):
            raise _Refused(_UNSAFE)
        self.shows_something |= element == "img"

    def _text(self, text: str) -> None:
        self.shows_something |= not text.isspace()


def _is_safe(name: str, value: str) -> bool:
    name = name.replace("http://www.w3.org/XML/1998/namespace ", "xml:")
    if name not in _ATTRIBUTES:
        return False
    if name in _LINKS:
        # Browsers pass over white space and control characters inside a scheme.
        return bool(_is_safe_link("".join(character for character in value if character > " ")))
    return name != "style" or not _is_unsafe_style(value)


def _as_character(entity: re.Match[str]) -> str:
    name = entity[1]
    return entity[0] if name in _OF_XML else html5.get(name, entity[0])
