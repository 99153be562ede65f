"""`Patient/$match`: who among the patients may be the one described.

https://hl7.org/fhir/R4/patient-operation-match.html. Candidates are found through the index, by several questions of
which each is bounded; `matching.py` says how likely each is the one. A record that was merged stands for its survivor.
"""

from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from bedside.fhir import exact_json
from bedside.fhir.existence.retirement import survivor_of
from bedside.fhir.operations.answering import answered
from bedside.fhir.operations.arguments import Arguments
from bedside.fhir.operations.operation import Operation, Parameter
from bedside.fhir.outcome import Issue, Refused, operation_outcome
from bedside.fhir.rest.confinement import purview_of
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.searching import understood
from bedside.fhir.rest.splicing import Bundle
from bedside.fhir.search.context import Context
from bedside.fhir.search.folding import folded
from bedside.fhir.search.running import Stored, run
from bedside.fhir.validation import validate
from bedside.patients.matching import Match, matched

COUNT_DEFAULT = 10
COUNT_MAX = 100
# Of each question, and of values of one kind that are asked about.
CANDIDATES_MAX = 200
VALUES_MAX = 5
# How often a record that was merged into another is followed to where it went.
MERGES_MAX = 5
GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
Pair = tuple[str, str]
_OUT_OF_BOUNDS = Issue(
    "too-costly",
    f"more than {CANDIDATES_MAX} patients are like this one in some way, and not all were looked at; say more of them",
    severity="warning",
)
_SEVERAL = Issue("multiple-matches", "several patients match with certainty, so none is told", severity="warning")


async def _match(exchange: Exchange, arguments: Arguments) -> Response:
    sought = arguments.object("resource")
    assert sought is not None, "the parameter is declared as required"
    errors = [issue for issue in validate(sought) if issue.severity in ("fatal", "error")]
    if errors:
        raise Refused(400, errors)
    questions = list(_questions(sought))
    if not questions:
        text = "Parameter resource: a patient is sought by identifier, name, birth date, telephone or e-mail"
        raise Refused(400, [Issue("required", text)])
    candidates, warnings = await _candidates(exchange, questions)
    graded = await _graded(exchange, sought, candidates)
    if arguments.flag("onlyCertainMatches"):
        graded = [each for each in graded if each[1].grade == "certain"]
        if len(graded) > 1:
            graded, warnings = [], [*warnings, _SEVERAL]
    shown = graded[: min(arguments.number("count") or COUNT_DEFAULT, COUNT_MAX)]
    return answered(exchange, _bundle(exchange, shown, warnings))


def _questions(sought: dict[str, Any]) -> Iterator[list[Pair]]:
    """Each finds some who may be the one: no typing error hides a patient from all of them."""
    for identifier in sought.get("identifier", ())[:VALUES_MAX]:
        if identifier.get("value"):
            system = f"{_escaped(identifier['system'])}|" if identifier.get("system") else ""
            yield [("identifier", system + _escaped(identifier["value"]))]
    for telecom in sought.get("telecom", ())[:VALUES_MAX]:
        if telecom.get("system") in ("phone", "email") and telecom.get("value"):
            yield [(telecom["system"], _escaped(telecom["value"]))]
    sounds = [("phonetic", _escaped(word)) for word in _words(sought)]
    born = sought.get("birthDate")
    if born:
        yield [("birthdate", born)]
        if len(born) == 10 and born[8:] <= "12":
            yield [("birthdate", f"{born[:4]}-{born[8:]}-{born[5:7]}"), *sounds[:1]]
    if sounds:
        yield sounds


def _words(sought: dict[str, Any]) -> list[str]:
    """The family name and the first given name of the first name that has letters to sound by."""
    for name in sought.get("name", ()):
        words = [name.get("family", ""), *name.get("given", ())[:1]]
        heard = [word for word in words if word and folded(word).replace(" ", "").isalpha()]
        if heard:
            return heard
    return []


async def _candidates(exchange: Exchange, questions: list[list[Pair]]) -> tuple[dict[str, Stored], list[Issue]]:
    found: dict[str, Stored] = {}
    has_more = False
    for question in questions:
        stored, more = await _asked(exchange, question)
        found |= {each.id: each for each in stored}
        has_more = has_more or more
    return found, [_OUT_OF_BOUNDS] if has_more else []


async def _asked(exchange: Exchange, question: list[Pair]) -> tuple[list[Stored], bool]:
    pairs = [*question, ("_count", str(CANDIDATES_MAX))]
    query = understood(exchange.engine, exchange.caller, Context.of_type("Patient"), pairs, handling="strict")
    page = await run(exchange.engine.store.database, query, purview=purview_of(exchange.caller))
    return page.matches, page.next is not None


async def _graded(
    exchange: Exchange, sought: dict[str, Any], candidates: dict[str, Stored]
) -> list[tuple[Stored, Match]]:
    """The likeliest first. What a merged record has in common counts for the one it was merged into."""
    best: dict[str, Match] = {}
    waiting = {id: matched(sought, exact_json.parse(stored.body)) for id, stored in candidates.items()}
    waiting = {id: match for id, match in waiting.items() if match.grade != "certainly-not"}
    for _ in range(MERGES_MAX):
        moved: dict[str, Match] = {}
        for id, match in waiting.items():
            survivor = survivor_of(exact_json.parse(candidates[id].body))
            into, where = (best, id) if survivor is None else (moved, survivor.partition("/")[2])
            if where not in into or into[where].score < match.score:
                into[where] = match
        missing = [id for id in moved if id not in candidates]
        if missing:
            candidates |= {each.id: each for each in (await _asked(exchange, [("_id", ",".join(missing))]))[0]}
        waiting = {id: match for id, match in moved.items() if id in candidates}
        if not waiting:
            break
    ordered = sorted(best, key=lambda id: (-best[id].score, id))
    return [(candidates[id], best[id]) for id in ordered]


def _bundle(exchange: Exchange, shown: list[tuple[Stored, Match]], warnings: list[Issue]) -> bytes:
    bundle = Bundle("searchset", total=len(shown))
    for stored, match in shown:
        search: dict[str, Any] = {
            "extension": [{"url": GRADE, "valueCode": match.grade}],
            "mode": "match",
            "score": match.score,
        }
        full_url = f"{exchange.engine.base_url}/Patient/{stored.id}"
        bundle.entry(full_url=full_url, resource=stored.body, search=search)
    if warnings:
        bundle.entry(resource=exact_json.emit(operation_outcome(warnings)), search={"mode": "outcome"})
    return bundle.bytes()


def _escaped(text: str) -> str:
    for mark in ("\\", ",", "|", "$"):
        text = text.replace(mark, f"\\{mark}")
    return text


MATCH = Operation(
    code="match",
    definition="http://hl7.org/fhir/OperationDefinition/Patient-match",
    levels=("type",),
    types=("Patient",),
    scope=("s",),
    parameters=(
        Parameter("resource", "Patient", required=True),
        Parameter("onlyCertainMatches", "boolean"),
        Parameter("count", "integer"),
    ),
    handle=_match,
)
