"""Tokens by what is known of their code systems: `:in` `:not-in` a value set, `:above` and `:below` a code.

http://hl7.org/fhir/R4/search.html#token
"""

from collections.abc import Iterator

from bedside.fhir.definitions import terminology
from bedside.fhir.search.asked import Asked
from bedside.fhir.search.escaping import split, unescaped
from bedside.fhir.search.hashing import hashed, system_hash

MODIFIERS = ("in", "not-in", "above", "below")
# A set of more codes is too much to ask of an index at once.
CODES_MAX = 5000


def hashes_asked(asked: Asked) -> list[int]:
    """Of every token that is meant."""
    meant = _in_value_set if asked.modifier in ("in", "not-in") else _in_hierarchy
    hashes: list[int] = []
    for value in asked.values:
        hashes += meant(asked, value)
        if len(hashes) > CODES_MAX:
            asked.too_costly(f"this means more than {CODES_MAX} codes")
    return hashes


def _in_value_set(asked: Asked, value: str) -> Iterator[int]:
    members = terminology().members(unescaped(value))
    if members is None:
        asked.cannot("this value set is not known here, or needs a code system that is not")
    for system, codes in members.items():
        if system in asked.implied_systems:
            # Elements of type code stand without their system.
            yield from (hashed(f"|{code}") for code in codes or terminology().codes(system) or ())
        if codes is None:
            yield system_hash(system)
        else:
            yield from (hashed(f"{system}|{code}") for code in codes)


def _in_hierarchy(asked: Asked, value: str) -> Iterator[int]:
    parts = [unescaped(part) for part in split(value, "|")]
    if len(parts) == 1 and len(asked.implied_systems) == 1:
        parts = [*asked.implied_systems, parts[0]]
    if len(parts) != 2 or not all(parts):
        asked.refuse("a code in its hierarchy is written as system|code")
    system, code = parts
    if terminology().codes(system) is None:
        asked.cannot("the hierarchy of this code system is not known here")
    walk = terminology().subsuming if asked.modifier == "above" else terminology().subsumed
    codes = walk(system, code)
    if codes is None:
        asked.refuse("this code system has no such code")
    prefix = "" if system in asked.implied_systems else system
    yield from (hashed(f"{prefix}|{each}") for each in codes)
