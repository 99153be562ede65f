"""Names by their sound, as English reads them: Smyth is found by Smith.

R4 leaves the algorithm to the server; this is Metaphone (https://en.wikipedia.org/wiki/Metaphone), word by word.
"""

from collections.abc import Iterator
from typing import Any

from jellyfish import metaphone

from bedside.fhir.search.asked import Asked
from bedside.fhir.search.criteria import Criterion, Indexed, Rows, Statement, sp_among
from bedside.fhir.search.escaping import unescaped
from bedside.fhir.search.folding import folded
from bedside.fhir.search.hashing import hashed
from bedside.fhir.search.parameter_types.string import strings_of

WORDS_MAX = 10


def hashes_of(value: Any) -> Iterator[int]:
    """Of every word of a name."""
    for word in {word for text in strings_of(value) for word in folded(text).split()}:
        if sound := _sound(word):
            yield hashed(sound)


def _sound(word: str) -> str:
    """Empty for what has none: a number, a lone mute letter. These are then not found by sound."""
    sound = metaphone(word)
    return f"\x00sound|{sound}" if sound else ""


def criterion(asked: Asked) -> Criterion:
    """A value's words must all sound like words of the name, in any order."""
    asked.allow(())
    return Indexed(tuple(_rows(_sounds(asked, value), asked.sps) for value in asked.values))


def _sounds(asked: Asked, value: str) -> tuple[int, ...]:
    words = folded(unescaped(value)).split()
    sounds = tuple(dict.fromkeys(hashed(sound) for word in words if (sound := _sound(word))))
    if not sounds:
        asked.refuse("a name to look for has at least one word with a sound")
    if len(sounds) > WORDS_MAX:
        asked.too_costly(f"at most {WORDS_MAX} words can be looked for")
    return sounds


def _rows(sounds: tuple[int, ...], sps: tuple[int, ...]) -> Rows:
    first, *others = sounds

    def where(statement: Statement, i: str) -> str:
        said = [f"{sp_among(i, sps)} AND {i}.h = {statement.bind(first)}"]
        for sound in others:
            o = statement.alias()
            said.append(
                f"EXISTS (SELECT 1 FROM ix_token {o} WHERE {o}.vid = {i}.vid"
                f" AND {sp_among(o, sps)} AND {o}.h = {statement.bind(sound)})"
            )
        return " AND ".join(said)

    return Rows("ix_token", where, exact=len(sps) == 1)
