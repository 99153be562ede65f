"""What auth has to see of patient records, at the FHIR base and as the person who signs in: whom they may choose.

Who may open which record is decided where records are kept, by the same rules as for any other reader.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

ROWS_MAX = 20
TERM_MAX = 100
_WORDS_MAX = 5
_TIMEOUT_S = 8.0
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_NAMES_FIRST = {"official": 0, "usual": 1}
_FHIR = "application/fhir+json"


class RecordsAway(Exception):
    """The FHIR base did not answer, or not in FHIR: nothing is known about the record."""


@dataclass(frozen=True)
class Row:
    """A patient as a person tells them apart. Dates as the record has them, partial ones too."""

    id: str
    name: str
    born: str | None = None
    gender: str | None = None
    number: str | None = None


@dataclass(frozen=True)
class Found:
    rows: tuple[Row, ...]
    truncated: bool = False


class Records:
    """`base` is the FHIR base as auth reaches it. Bearers are those of the person."""

    def __init__(self, base: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._base = base
        self._transport = transport

    async def find(self, term: str, *, bearer: str) -> Found:
        """`term`: names, a birth date as 1954-11-02, or a record number. Twenty rows at most. Raises RecordsAway."""
        criteria = _criteria(term)
        if not criteria:
            return Found(())
        asked = [*criteria, ("_count", str(ROWS_MAX + 1)), ("_sort", "family")]
        bundle = await self._got("Patient", asked, bearer=bearer) or {}
        # A record that was merged away is never the one to choose: its survivor is found by the same words.
        patients = [each for each in _resources(bundle, "Patient") if not _merged_away(each)]
        return Found(tuple(_row(each) for each in patients[:ROWS_MAX]), truncated=len(patients) > ROWS_MAX)

    async def patient(self, patient: str, *, bearer: str) -> Row | None:
        """None unless the bearer may open that record. Raises RecordsAway."""
        found = await self._got(f"Patient/{patient}", (), bearer=bearer) if _ID.fullmatch(patient) else None
        is_it = found is not None and found.get("resourceType") == "Patient" and not _merged_away(found)
        return _row(found) if found is not None and is_it else None

    async def has_encounter(self, encounter: str, patient: str, *, bearer: str) -> bool:
        """Whether the bearer may see that encounter, and it is this patient's. Raises RecordsAway."""
        if not _ID.fullmatch(encounter):
            return False
        found = await self._got(f"Encounter/{encounter}", (), bearer=bearer) or {}
        subject = found.get("subject")
        return isinstance(subject, dict) and subject.get("reference") == f"Patient/{patient}"

    async def _got(self, path: str, query: Sequence[tuple[str, str]], *, bearer: str) -> Mapping[str, Any] | None:
        """None when it is not there for this bearer."""
        headers = {"Authorization": f"Bearer {bearer}", "Accept": _FHIR}
        try:
            async with httpx.AsyncClient(transport=self._transport, timeout=_TIMEOUT_S) as http:
                answer = await http.get(f"{self._base}/{path}", params=list(query), headers=headers)
            if answer.status_code in (403, 404, 410):
                return None
            body = answer.json() if answer.status_code == 200 else None
        except (httpx.HTTPError, ValueError) as error:
            raise RecordsAway("the FHIR base does not answer") from error
        if not isinstance(body, dict):
            raise RecordsAway(f"the FHIR base answered {answer.status_code}")
        return body


def _criteria(term: str) -> list[tuple[str, str]]:
    criteria = []
    for word in term[:TERM_MAX].replace(",", " ").split()[:_WORDS_MAX]:
        if _DATE.fullmatch(word):
            criteria.append(("birthdate", word))
        else:
            criteria.append(("identifier" if any(letter.isdigit() for letter in word) else "name", _escaped(word)))
    return criteria


def _escaped(word: str) -> str:
    """https://hl7.org/fhir/R4/search.html#escaping"""
    return re.sub(r"([\\$|,])", r"\\\1", word)


def _resources(bundle: Mapping[str, Any], type_name: str) -> list[Mapping[str, Any]]:
    found = (entry.get("resource") for entry in bundle.get("entry") or () if isinstance(entry, dict))
    return [each for each in found if isinstance(each, dict) and each.get("resourceType") == type_name]


def _merged_away(patient: Mapping[str, Any]) -> bool:
    return any(link.get("type") == "replaced-by" for link in patient.get("link") or ())


def _row(patient: Mapping[str, Any]) -> Row:
    return Row(
        id=patient["id"],
        name=_name(patient.get("name") or ()),
        born=patient.get("birthDate"),
        gender=patient.get("gender"),
        number=next((each["value"] for each in patient.get("identifier") or () if each.get("value")), None),
    )


def _name(names: Sequence[Mapping[str, Any]]) -> str:
    """Family name first, as lists are read; the official one where there are several."""
    for name in sorted(names, key=lambda each: _NAMES_FIRST.get(each.get("use", ""), len(_NAMES_FIRST))):
        spelled = ", ".join(part for part in (name.get("family"), " ".join(name.get("given") or ())) if part)
        if spelled or name.get("text"):
            return spelled or str(name["text"])
    return "No name on record"
