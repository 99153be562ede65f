"""How likely two patient records are one person's: points for and against, added up.

Each attribute that both records have gives the points of the table below; one that either lacks says nothing. The sum
becomes a score from 0 to 1 (four points are 0.5, each further point halves the doubt). Rules stand above the sum:

* an identifier in common makes a match possible at least, and certain when nothing speaks against it;
* certain is otherwise only who has family, given and full birth date in common, and nothing against;
* who is clearly called otherwise, or born otherwise, and has no identifier in common, is possible at most: twins share
  their family, birth date, address and telephone.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from jellyfish import damerau_levenshtein_distance, jaro_winkler_similarity, metaphone

from bedside.fhir.search.folding import folded

Grade = Literal["certain", "probable", "possible", "certainly-not"]
Patient = Mapping[str, Any]

POINTS: dict[str, dict[str, float]] = {
    "identifier": {"equal": 8},
    "family": {"equal": 3, "close": 2, "sound": 1.5, "initial": 0.5, "differs": -3},
    "given": {"equal": 2.5, "close": 1.5, "sound": 1, "initial": 0.5, "differs": -2.5},
    "birthDate": {"equal": 4, "swapped": 2.5, "typo": 2, "partial": 1.5, "differs": -4},
    "gender": {"equal": 0.5, "differs": -2},
    "telecom": {"equal": 2},
    "address": {"equal": 1.5, "near": 0.8},
}
_EVEN = 4
_CERTAIN, _PROBABLE, _POSSIBLE = 0.97, 0.8, 0.3
_CLOSE = 0.9
_CONTRADICTS = ("differs",)
_GENDERS = ("male", "female")


@dataclass(frozen=True, slots=True)
class Match:
    """`found` says of each attribute how it compares, in the words of POINTS."""

    score: float
    grade: Grade
    found: Mapping[str, str]


def matched(sought: Patient, candidate: Patient) -> Match:
    """How likely the candidate is who is sought."""
    compared = {
        "identifier": _identifier(sought, candidate),
        "family": _best(_names(sought, "family"), _names(candidate, "family")),
        "given": _best(_names(sought, "given"), _names(candidate, "given")),
        "birthDate": _birth_date(sought.get("birthDate"), candidate.get("birthDate")),
        "gender": _gender(sought.get("gender"), candidate.get("gender")),
        "telecom": "equal" if set(_telecoms(sought)) & set(_telecoms(candidate)) else None,
        "address": _address(sought, candidate),
    }
    found = {name: how for name, how in compared.items() if how is not None}
    if _are_turned(sought, candidate):
        found |= {"family": "close", "given": "close"}
    score = 1 / (1 + 2 ** (_EVEN - sum(POINTS[name][how] for name, how in found.items())))
    return _judged(score, found)


def _judged(score: float, found: dict[str, str]) -> Match:
    against = [name for name, how in found.items() if how in _CONTRADICTS]
    if "identifier" in found:
        score = max(score, _CERTAIN if not against else _POSSIBLE)
        certain = not against
    else:
        certain = not against and all(found.get(name) == "equal" for name in ("family", "given", "birthDate"))
        if {"given", "birthDate"} & set(against):
            score = min(score, _PROBABLE - 0.01)
        if not certain:
            score = min(score, _CERTAIN - 0.01)
    score = round(score, 3)
    if certain and score >= _CERTAIN:
        return Match(score, "certain", found)
    if score >= _PROBABLE:
        return Match(score, "probable", found)
    return Match(score, "possible" if score >= _POSSIBLE else "certainly-not", found)


def _identifier(one: Patient, other: Patient) -> str | None:
    return "equal" if set(_identifiers(one)) & set(_identifiers(other)) else None


def _identifiers(patient: Patient) -> Iterator[tuple[str, str]]:
    # A value without its system may be anybody's.
    for identifier in patient.get("identifier", ()):
        if identifier.get("system") and identifier.get("value"):
            yield identifier["system"], identifier["value"]


def _names(patient: Patient, part: str) -> set[str]:
    """Of all names, maiden names and former ones too; folded."""
    found: set[str] = set()
    for name in patient.get("name", ()):
        held = name.get(part, ())
        found |= {folded(each) for each in ([held] if isinstance(held, str) else held) if each}
    return found - {""}


_ORDER = ("equal", "close", "sound", "initial", "differs")


def _best(ones: Iterable[str], others: Iterable[str]) -> str | None:
    """How the two that are most alike compare."""
    return min((_alike(one, other) for one, other in product(ones, others)), key=_ORDER.index, default=None)


def _alike(one: str, other: str) -> str:
    if one == other:
        return "equal"
    if min(len(one), len(other)) == 1:
        return "initial" if one[0] == other[0] else "differs"
    if jaro_winkler_similarity(one, other) >= _CLOSE:
        return "close"
    sounds = metaphone(one), metaphone(other)
    return "sound" if sounds[0] and sounds[0] == sounds[1] else "differs"


def _are_turned(one: Patient, other: Patient) -> bool:
    """Whether family and given name stand in each other's place."""
    families, given = _names(one, "family"), _names(one, "given")
    if families & _names(other, "family"):
        return False
    return bool(families & _names(other, "given")) and bool(given & _names(other, "family"))


def _birth_date(one: str | None, other: str | None) -> str | None:
    if not one or not other:
        return None
    if one == other:
        return "equal" if len(one) == 10 else "partial"
    if one.startswith(other) or other.startswith(one):
        return "partial"
    if len(one) == len(other) == 10:
        if (one[:4], one[5:7], one[8:]) == (other[:4], other[8:], other[5:7]):
            return "swapped"
        if damerau_levenshtein_distance(one, other) == 1:
            return "typo"
    return "differs"


def _gender(one: str | None, other: str | None) -> str | None:
    if one not in _GENDERS or other not in _GENDERS:
        return None
    return "equal" if one == other else "differs"


def _telecoms(patient: Patient) -> Iterator[str]:
    for telecom in patient.get("telecom", ()):
        value = telecom.get("value", "")
        if telecom.get("system") == "email" and value:
            yield value.casefold()
        digits = "".join(mark for mark in value if mark.isdigit())
        # The last digits tell a telephone apart, whether the country's prefix was written or not.
        if telecom.get("system") in ("phone", "sms") and len(digits) >= 7:
            yield digits[-9:]


def _address(one: Patient, other: Patient) -> str | None:
    both = product(one.get("address", ()), other.get("address", ()))
    found = {_same_place(here, there) for here, there in both} - {None}
    return "equal" if "equal" in found else "near" if found else None


def _same_place(here: Mapping[str, Any], there: Mapping[str, Any]) -> str | None:
    code = folded(here.get("postalCode", "")).replace(" ", "")
    if not code or code != folded(there.get("postalCode", "")).replace(" ", ""):
        return None
    lines = [folded(" ".join(filter(None, each.get("line", ())))) for each in (here, there)]
    return "equal" if lines[0] and lines[0] == lines[1] else "near"
