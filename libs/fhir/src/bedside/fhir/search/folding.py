"""How strings are compared: without case, accents, punctuation or script.

http://hl7.org/fhir/R4/search.html#string
"""

import unicodedata
from functools import lru_cache

from anyascii import anyascii

# One row holds this much of a folded string; what is longer goes on in rows that overlap by half, so that whatever is
# at most half as long is found within one row.
ROW_CHARACTERS = 128
OVERLAP = ROW_CHARACTERS // 2
_ROWS_MAX = 64

# Greater than every folded string that begins with what precedes it: folded strings are printable ASCII.
LAST = "\x7f"

_APART = {mark: " " for mark in range(0x80) if not chr(mark).isalnum()}
_DROPPED: dict[int, str | None] = {ord("'"): None, ord("."): None, ord("`"): None}
_MARKS = _APART | _DROPPED


@lru_cache(maxsize=16384)
def folded(text: str) -> str:
    """Lower-case ASCII words with one space between them; empty when nothing can be read aloud."""
    if not text.isascii():
        text = anyascii(unicodedata.normalize("NFKC", text))
    return " ".join(text.translate(_MARKS).lower().split())


def rows_of(text: str) -> tuple[str, ...]:
    """The folded text, cut to what index rows hold; the first is its beginning."""
    whole = folded(text) if len(text) <= ROW_CHARACTERS else folded.__wrapped__(text[: OVERLAP * _ROWS_MAX * 2])
    if len(whole) <= ROW_CHARACTERS:
        return (whole,) if whole else ()
    starts = range(0, min(len(whole) - OVERLAP, OVERLAP * _ROWS_MAX), OVERLAP)
    return tuple(whole[start : start + ROW_CHARACTERS] for start in starts)
