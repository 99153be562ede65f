"""`:text` on tokens: the words that people read beside the codes. http://hl7.org/fhir/R4/search.html#token"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from bedside.fhir.search.asked import Asked
from bedside.fhir.search.criteria import Criterion, Indexed, Rows, Statement, sp_among
from bedside.fhir.search.escaping import unescaped
from bedside.fhir.search.folding import LAST, ROW_CHARACTERS, folded, rows_of
from bedside.fhir.search.hashing import CONTINUED, UNREAD, hashed

WORDS_MAX = 10


def texts_of(value: dict[str, Any]) -> Iterator[str]:
    """CodeableConcept.text, Coding.display, Identifier.type.text."""
    if "type" in value and "value" in value:
        yield from texts_of(value["type"])
        return
    for text in (value.get("text"), value.get("display")):
        if isinstance(text, str):
            yield text
    for coding in value.get("coding", ()):
        if text := coding.get("display"):
            yield text


def rows(values: list[Any]) -> Iterator[tuple[str, int]]:
    """(folded, hash of the whole); where nothing can be read, the first code, which serves sorting only."""
    readable = False
    for value in values:
        if type(value) is dict:
            for text in texts_of(value):
                found = _rows_of(text)
                readable = readable or bool(found)
                yield from found
    if not readable:
        code = next(filter(None, map(_code, values)), "")
        if norm := folded(code[:ROW_CHARACTERS])[:ROW_CHARACTERS]:
            yield norm, UNREAD


@lru_cache(maxsize=16384)
def _rows_of(text: str) -> tuple[tuple[str, int], ...]:
    return tuple((norm, CONTINUED if place else hashed(text)) for place, norm in enumerate(rows_of(text)))


def _code(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict) or "value" in value:
        return None
    codings = value.get("coding")
    code = codings[0].get("code") if codings else value.get("code")
    return code if isinstance(code, str) else None


def criterion(asked: Asked) -> Criterion:
    return Indexed(tuple(_rows(asked, _words(asked, value)) for value in asked.values))


def _words(asked: Asked, value: str) -> list[str]:
    words = folded(unescaped(value)).split()
    if not words:
        asked.refuse("a text to look for has at least one letter or digit")
    if len(words) > WORDS_MAX:
        asked.too_costly(f"at most {WORDS_MAX} words can be looked for")
    return words


def _rows(asked: Asked, words: list[str]) -> Rows:
    """Every word begins a word of the text, in any order."""

    def begins(statement: Statement, i: str, word: str) -> str:
        lo, hi = statement.bind(word), statement.bind(word + LAST)
        return f"(({i}.norm >= {lo} AND {i}.norm < {hi}) OR {i}.norm LIKE {statement.bind(f'% {word}%')})"

    def where(statement: Statement, i: str) -> str:
        said = " AND ".join(begins(statement, i, word) for word in words)
        return f"{sp_among(i, asked.sps)} AND {i}.xh <> {UNREAD} AND {said}"

    return Rows("ix_string", where)
