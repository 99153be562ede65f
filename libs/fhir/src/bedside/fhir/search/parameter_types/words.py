"""`_text` (the narrative) and `_content` (all that people read in a resource). http://hl7.org/fhir/R4/search.html#content

R4 leaves the syntax to the server: every word asked for begins a word of the text, in any order. Codes, ids and
addresses are no text; nor is what is contained or said in extensions of primitives.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from typing import Any

from bedside.fhir.definitions import definitions
from bedside.fhir.search.asked import Asked
from bedside.fhir.search.criteria import Criterion, Either, Reach, Statement
from bedside.fhir.search.escaping import unescaped
from bedside.fhir.search.folding import folded

ASKED_MAX = 10
# Of one resource. What lies beyond is not searchable; a resource that large is split by its authors.
WORDS_MAX = 10_000
WORD_CHARACTERS_MAX = 64
_READ = frozenset({"string", "markdown"})
_TAG = re.compile(r"<[^>]*>")
# Every word of the index begins with one of these, so that one column holds both; a narrative's words stand as both.
_ANYWHERE, _NARRATIVE = "c", "t"


def text_of(resource: dict[str, Any]) -> str:
    """What the index keeps: marked words with a space between them."""
    found: list[str] = []
    _collect(resource, _plan(resource["resourceType"]), found)
    kept: set[str] = set()
    for text in found:
        kept.update(_words(text))
    for word in _narrative(resource):
        kept.update((_ANYWHERE + word[:WORD_CHARACTERS_MAX], _NARRATIVE + word[:WORD_CHARACTERS_MAX]))
    return " ".join(kept if len(kept) <= WORDS_MAX else sorted(kept)[:WORDS_MAX])


def _narrative(resource: dict[str, Any]) -> list[str]:
    narrative = resource.get("text")
    div = narrative.get("div") if isinstance(narrative, dict) else None
    return folded.__wrapped__(unescape(_TAG.sub(" ", div))).split() if div else []


@lru_cache(maxsize=16384)
def _words(text: str) -> tuple[str, ...]:
    """Marked."""
    return tuple(_ANYWHERE + word[:WORD_CHARACTERS_MAX] for word in folded(text).split())


# By JSON name, the plan by which to read on; None where the value itself is read.
_Plan = dict[str, "_Plan | None"]


_PLANS: dict[str, _Plan] = {}


def _plan(type_name: str) -> _Plan:
    if type_name not in _PLANS:
        # Types hold one another, so a plan must be there before it is whole.
        plan = _PLANS[type_name] = {}
        known = definitions()
        for element in known.type(type_name).elements.values():
            for name, choice in element.json_names():
                if choice.code in _READ:
                    plan[name] = None
                elif choice.code in _SKIPPED or choice.code not in known.type_names:
                    continue
                elif known.type(choice.code).kind != "primitive-type":
                    plan[name] = _plan(choice.code)
    return _PLANS[type_name]


_SKIPPED = frozenset({"Narrative", "Resource", "Meta", "Attachment"})


def _collect(node: dict[str, Any], plan: _Plan, found: list[str]) -> None:
    for name, value in node.items():
        if name not in plan:
            continue
        within = plan[name]
        if type(value) is list:
            if within is None:
                found += [each for each in value if each]
            else:
                for each in value:
                    if each:
                        _collect(each, within, found)
        elif within is None:
            found.append(value)
        else:
            _collect(value, within, found)


@dataclass(frozen=True)
class HasWords:
    """`match` is in the full-text language of the dialect, by dialect."""

    sqlite: str
    postgresql: str
    negated: bool = False

    def test(self, statement: Statement, version: str) -> str:
        said = f"EXISTS (SELECT 1 FROM ix_words i WHERE i.rowid = {version}.vid AND {self._holds(statement)})"
        return f"NOT {said}" if self.negated else said

    def rows(self, statement: Statement) -> str | None:
        return None if self.negated else f"SELECT i.rowid AS vid FROM ix_words i WHERE {self._holds(statement)}"

    def _holds(self, statement: Statement) -> str:
        if statement.dialect == "sqlite":
            return f"ix_words MATCH {statement.bind(self.sqlite)}"
        return f"to_tsvector('simple', i.words) @@ to_tsquery('simple', {statement.bind(self.postgresql)})"

    @property
    def reach(self) -> Reach:
        return "wide"


def criterion(asked: Asked) -> Criterion:
    asked.allow(())
    criteria = tuple(_beginnings(asked, _asked_words(asked, value)) for value in asked.values)
    return criteria[0] if len(criteria) == 1 else Either(criteria)


def missing(asked: Asked, *, negated: bool) -> Criterion:
    """That there is (or, negated, is not) any such text."""
    return _beginnings(asked, [""], negated=negated)


def _asked_words(asked: Asked, value: str) -> list[str]:
    words = list(dict.fromkeys(word[:WORD_CHARACTERS_MAX] for word in folded(unescaped(value)).split()))
    if not words:
        asked.refuse("a text to look for has at least one letter or digit")
    if len(words) > ASKED_MAX:
        asked.too_costly(f"at most {ASKED_MAX} words can be looked for")
    return words


def _beginnings(asked: Asked, words: list[str], *, negated: bool = False) -> Criterion:
    # Folded words are letters and digits, so nothing in them means anything to either language.
    marked = [(_NARRATIVE if asked.code == "_text" else _ANYWHERE) + word for word in words]
    return HasWords(
        sqlite=" AND ".join(f"{word}*" for word in marked),
        postgresql=" & ".join(f"{word}:*" for word in marked),
        negated=negated,
    )
