"""Tokens: codes, codings, identifiers, booleans. http://hl7.org/fhir/R4/search.html#token"""

from collections.abc import Iterator
from typing import Any

from bedside.fhir.search.asked import Asked
from bedside.fhir.search.criteria import Criterion, Indexed, Rows, Statement, TokenIs, among_numbers, sp_among
from bedside.fhir.search.escaping import split, unescaped
from bedside.fhir.search.hashing import hashed, of_type_hash, system_hash
from bedside.fhir.search.parameter_types import token_sets, token_text

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


def typed_of(value: Any) -> Iterator[int]:
    """Hashes of an identifier under each of its types."""
    if not isinstance(value, dict) or "value" not in value or "type" not in value:
        return
    for coding in value["type"].get("coding", ()):
        if code := coding.get("code"):
            yield of_type_hash(coding.get("system"), code, value["value"])


def criterion(asked: Asked) -> Criterion:
    asked.allow(_modifiers(asked))
    if asked.modifier == "text":
        return token_text.criterion(asked)
    if asked.modifier in token_sets.MODIFIERS:
        return of_any(asked, token_sets.hashes_asked(asked), negated=asked.modifier == "not-in")
    if asked.modifier == "of-type":
        return of_any(asked, [_typed(asked, value) for value in asked.values])
    return of_any(asked, [hash_asked(asked, value) for value in asked.values], negated=asked.modifier == "not")


def _modifiers(asked: Asked) -> tuple[str, ...]:
    text = ("text",) if asked.has_text else ()
    of_type = ("of-type",) if asked.is_identifier else ()
    return ("not", *text, *of_type, *token_sets.MODIFIERS)


def of_any(asked: Asked, wanted: list[int], *, negated: bool = False) -> Criterion:
    """Any of these hashes; negated, none of them: what has no value at all is then found as well."""
    hashes = tuple(dict.fromkeys(wanted))

    def where(statement: Statement, i: str) -> str:
        return f"{sp_among(i, asked.sps)} AND {among_numbers(statement, f'{i}.h', hashes)}"

    exact = len(hashes) == 1 and len(asked.sps) == 1
    rows = (Rows("ix_token", where, exact=exact),)
    if negated or len(hashes) != 1:
        return Indexed(rows, negated=negated)
    # An identifier's type is no token of its own, so it is not kept by patient.
    is_by_patient = asked.is_by_patient and asked.modifier != "of-type"
    return TokenIs(rows, sps=asked.sps, hash=hashes[0], is_by_patient=is_by_patient)


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


def _typed(asked: Asked, value: str) -> int:
    parts = [unescaped(part) for part in split(value, "|")]
    if len(parts) != 3 or not parts[1] or not parts[2]:
        asked.refuse("an identifier of a type is written as system|code|value, with the type's system and code")
    return of_type_hash(parts[0] or None, parts[1], parts[2])
