"""Changing two records at once: previewed, or done together with everything of ours that names them."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.responses import Response

from bedside.events.database import Connection
from bedside.fhir import exact_json
from bedside.fhir.client import Unreachable
from bedside.fhir.existence.tallying import tally
from bedside.fhir.operations.answering import answered
from bedside.fhir.outcome import Issue, Refused, operation_outcome
from bedside.fhir.rest.confinement import purview_of
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.store.draft import Draft, Written
from bedside.fhir.store.preparing import prepare
from bedside.patients.operations.pair import Record

Move = Callable[[Connection, Written], Awaitable[int]]


def drafts_of(exchange: Exchange, *made: tuple[Record, dict[str, Any]]) -> list[Draft]:
    """Checked as any write is. They find nothing but the versions that were looked at."""
    drafts = [
        Draft(
            "update", "Patient", record.id, patient, if_match=record.version.version,
            purview=purview_of(exchange.caller),
        )
        for record, patient in made
    ]  # fmt: skip
    prepare(exchange.engine.service, drafts)
    return drafts


async def done(exchange: Exchange, drafts: list[Draft], move: Move, said: str) -> Response:
    """`drafts` are source and target; `move` is given the source as written, in the same transaction."""
    moved = 0

    async def then(connection: Connection, written: list[Written]) -> None:
        nonlocal moved
        moved = await move(connection, written[0])

    try:
        _, target = await exchange.engine.store.commit(drafts, exchange.author, then)
    except Refused as refused:
        if refused.status != 412:
            raise
        text = "one of the records was changed meanwhile; look again, and repeat"
        raise Refused(409, [Issue("conflict", text)]) from refused
    text = f"{said}; {moved} resources beside them were changed, and the other services are told"
    outcome = operation_outcome([Issue("informational", text, severity="information")])
    return _told(exchange, outcome, target.body)


async def previewed(exchange: Exchange, drafts: list[Draft], named_id: str, said: str) -> Response:
    """What would be changed; nothing is. `named_id` is the patient who is named by what would move."""
    reference = f"Patient/{named_id}"
    engine = exchange.engine
    here = await tally(engine.store.database, reference)
    here.pop("Patient", None)
    elsewhere: Mapping[str, int] = {}
    if engine.store.peers is not None:
        try:
            elsewhere = await engine.store.peers.tally(reference)
        except Unreachable as error:
            text = "another service does not answer what refers to the record; try again later"
            raise Refused(503, [Issue("transient", text)]) from error
    outcome = operation_outcome([Issue("informational", said, severity="information")])
    source, target = drafts
    found = sorted((Counter(here) + Counter(elsewhere)).items())
    counted = [_counted(name, number) for name, number in found]
    return _told(exchange, outcome, target.resource, source.resource, counted)


def _counted(type_name: str, number: int) -> dict[str, Any]:
    parts = [{"name": "type", "valueCode": type_name}, {"name": "count", "valueUnsignedInt": number}]
    return {"name": "would-change", "part": parts}


def _told(
    exchange: Exchange, outcome: dict[str, Any], target: Any, source: Any = None, counted: Sequence[Any] = ()
) -> Response:
    shown = exact_json.parse(target) if isinstance(target, bytes) else target
    parameter = [{"name": "outcome", "resource": outcome}, {"name": "result", "resource": shown}]
    parameter += [] if source is None else [{"name": "source", "resource": source}]
    return answered(exchange, {"resourceType": "Parameters", "parameter": [*parameter, *counted]})
