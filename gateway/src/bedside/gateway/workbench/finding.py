"""Finding a patient by what a person knows: a name, a birth date, a number."""

import re
from dataclasses import dataclass

import httpx

from bedside.clinical.header import Header, header
from bedside.clinical.moments import Moment

ROWS_MAX = 20
TERM_MAX = 100
_WORDS_MAX = 5
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True)
class Finding:
    rows: tuple[Header, ...]
    truncated: bool


class NotFindable(Exception):
    """The search could not be made; the sentence is for the person."""


async def find(term: str, *, inside: httpx.AsyncClient, bearer: str, moment: Moment) -> Finding:
    """`term`: names, a birth date as 1954-11-02, or an identifier; words that are none of these are names.

    At most twenty rows, by name. Raises NotFindable.
    """
    answer = await inside.get(
        "/fhir/Patient",
        params=[*_criteria(term), ("_count", str(ROWS_MAX + 1)), ("_sort", "family")],
        headers={"Authorization": f"Bearer {bearer}", "Accept": "application/fhir+json"},
    )
    if answer.status_code == 403:
        raise NotFindable("Your role does not find patients by name.")
    if answer.status_code != 200:
        raise NotFindable("Patients could not be searched just now. Please try again.")
    found = [entry["resource"] for entry in answer.json().get("entry", []) if entry["search"]["mode"] == "match"]
    rows = sorted((header(patient, moment) for patient in found[:ROWS_MAX]), key=lambda row: row.sort_name or "")
    return Finding(tuple(rows), truncated=len(found) > ROWS_MAX)


def _criteria(term: str) -> list[tuple[str, str]]:
    criteria = []
    for word in term.replace(",", " ").split()[:_WORDS_MAX]:
        if _DATE.fullmatch(word):
            criteria.append(("birthdate", word))
        elif any(letter.isdigit() for letter in word):
            criteria.append(("identifier", _escaped(word)))
        else:
            criteria.append(("name", _escaped(word)))
    return criteria


def _escaped(word: str) -> str:
    """https://hl7.org/fhir/R4/search.html#escaping"""
    return re.sub(r"([\\$|,])", r"\\\1", word)
