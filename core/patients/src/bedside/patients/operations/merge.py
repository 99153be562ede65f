"""`Patient/$merge`: two records are of one person, and one of them goes on.

https://hl7.org/fhir/R5/patient-operation-merge.html (R4 has none; the parameters are R5's). In one transaction the
source becomes inactive and names the target by `replaced-by`; the target names the source by `replaces` and takes over
its identifiers, marked old; what refers to the source here refers to the target. PatientMerged tells the others.
With `preview` nothing is done: the answer shows both records as they would be, and how much of each type would change.
"""

from typing import Any

from starlette.responses import Response

from bedside.events.database import Connection
from bedside.fhir.existence.merging import repoint
from bedside.fhir.existence.retirement import survivor_of
from bedside.fhir.operations.arguments import Arguments
from bedside.fhir.operations.operation import Operation, Parameter
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.store.draft import Written
from bedside.patients import merging
from bedside.patients.operations.changing import done, drafts_of, previewed
from bedside.patients.operations.pair import PAIR, Record, pair


async def _merge(exchange: Exchange, arguments: Arguments) -> Response:
    source, target = await pair(exchange, arguments)
    _refuse_merged(source, target)
    result = _result(arguments.object("result-patient"), source, target)
    drafts = drafts_of(
        exchange,
        (source, merging.retired(source.patient, target.id)),
        (target, merging.surviving(result, source.patient)),
    )
    if arguments.flag("preview"):
        return await previewed(exchange, drafts, source.id, "the records would be merged; nothing was changed")

    async def move(connection: Connection, written: Written) -> int:
        return await repoint(
            connection,
            retired=f"Patient/{source.id}",
            survivor=f"Patient/{target.id}",
            version=written.version,
            now=exchange.engine.store.clock.now(),
            cause=exchange.author.request_id,
        )

    return await done(exchange, drafts, move, "the records were merged")


def _refuse_merged(source: Record, target: Record) -> None:
    """A merged record is merged no more; and as no survivor is retired, no circle can arise."""
    wrong = [
        Issue("business-rule", f"Parameter {which}-patient: the record was merged into {survivor} before")
        for which, record in (("source", source), ("target", target))
        if (survivor := survivor_of(record.patient)) is not None
    ]
    if wrong:
        raise Refused(422, wrong)


def _result(sent: dict[str, Any] | None, source: Record, target: Record) -> dict[str, Any]:
    """What the target is to be, links and the source's identifiers aside."""
    if sent is None:
        return target.patient
    if sent.get("id", target.id) != target.id:
        raise Refused(400, [Issue("value", "Parameter result-patient has the id of the target")])
    if any(merging.links_to(sent, "replaced-by", id) for id in (source.id, target.id)):
        raise Refused(400, [Issue("value", "Parameter result-patient is not itself replaced")])
    return {**sent, "id": target.id}


MERGE = Operation(
    code="merge",
    definition="http://hl7.org/fhir/OperationDefinition/Patient-merge",
    levels=("type",),
    types=("Patient",),
    scope=("u", "s"),
    parameters=(*PAIR, Parameter("result-patient", "Patient"), Parameter("preview", "boolean")),
    affects_state=True,
    handle=_merge,
)
