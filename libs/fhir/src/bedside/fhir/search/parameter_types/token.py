"""Tokens: codes, codings, identifiers, booleans. http://hl7.org/fhir/R4/search.html#token"""

from collections.abc import Iterator
from typing import Any

from bedside.fhir.search.asked import Asked
from bedside.fhir.search.criteria import Criterion, Indexed, Rows, Statement, TokenIs, among, sp_among
from bedside.fhir.search.escaping import split, unescaped
from bedside.fhir.search.hashing import hashed, system_hash

Token = tuple[str | None, str | None]


def tokens_of(value: Any) -> Iterator[Token]:
    """(system, code) of what stands in a resource."""
    if isinstance(value, bool):
        yield None, "true" if value else "false"
    elif isinstance(value, str):
        yield None, value
    elif isinstance(value, dict):
        codings = value.get("coding")
        if codings is not None:
            for coding in codings:
                yield coding.get("system"), coding.get("code")
        elif "value" in value:
            # An Identifier or a ContactPoint. A telephone number is looked for with and without saying that it is one.
            yield value.get("system"), value["value"]
        elif "code" in value or "system" in value:
            yield value.get("system"), value.get("code")


def texts_of(value: Any) -> Iterator[str]:
    """The words that people read, for sorting."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict) and ("coding" in value or "text" in value):
        if text := value.get("text"):
            yield text
        for coding in value.get("coding", ()):
            if text := coding.get("display") or coding.get("code"):
                yield text
    elif isinstance(value, dict) and "value" not in value and (text := value.get("display") or value.get("code")):
        yield text


def criterion(asked: Asked) -> Criterion:
    asked.allow(("not",))
    hashes = tuple(dict.fromkeys(hash_asked(asked, value) for value in asked.values))

    def where(statement: Statement, i: str) -> str:
        return f"{sp_among(i, asked.sps)} AND {among(statement, f'{i}.h', hashes)}"

    exact = len(hashes) == 1 and len(asked.sps) == 1
    rows = (Rows("ix_token", where, exact=exact),)
    if asked.modifier == "not":
        return Indexed(rows, negated=True)
    if len(hashes) == 1:
        return TokenIs(rows, sps=asked.sps, hash=hashes[0], is_by_patient=asked.is_by_patient)
    return Indexed(rows)


def hash_asked(asked: Asked, value: str) -> int:
    """`code`, `system|code`, `|code` (without system) or `system|`."""
    parts = [unescaped(part) for part in split(value, "|")]
    if len(parts) > 2:
        asked.refuse(r"a token is code or system|code; a | inside either is written \|")
    if not any(parts):
        asked.refuse("a token is code or system|code, not empty")
    if len(parts) == 1:
        return hashed(parts[0])
    if parts[1] and parts[0] in asked.implied_systems:
        return hashed(f"|{parts[1]}")
    return hashed(f"{parts[0]}|{parts[1]}") if parts[1] else system_hash(parts[0])
