"""`Patient/$unmerge`: a merge is undone; both records stand for themselves again.

Ours: no edition of FHIR has it. Parameters are those of `$merge`: the source is the record that was retired. A record
that was not touched since becomes again what it was, word for word; of one that was, the merge's part is taken back:
activity and link of the source, the link and the identifiers that the target took over. What the merge had moved, and
still is where it put it, goes back: here in the same transaction, at the other services by PatientUnmerged.
"""

from typing import Any

from starlette.responses import Response

from bedside.events.database import Connection
from bedside.events.database.port import Reader
from bedside.fhir import exact_json
from bedside.fhir.existence.retirement import survivor_of
from bedside.fhir.existence.unmerging import point_back
from bedside.fhir.operations.arguments import Arguments
from bedside.fhir.operations.operation import Operation
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.store import current
from bedside.fhir.store.draft import Written
from bedside.patients import merging
from bedside.patients.operations.changing import done, drafts_of
from bedside.patients.operations.pair import PAIR, Record, pair

# A merge that lies further back than so many versions of a record is not looked for.
VERSIONS_MAX = 1000


async def _unmerge(exchange: Exchange, arguments: Arguments) -> Response:
    source, target = await pair(exchange, arguments)
    _refuse_unmerged(source, target)
    reader = exchange.engine.store.database
    source_before, source_since = await _before(reader, source, "replaced-by", target.id)
    target_before, target_since = await _before(reader, target, "replaces", source.id)
    drafts = drafts_of(
        exchange,
        (source, merging.restored(source.patient, source_before, target.id) if source_since else source_before),
        (target, merging.released(target.patient, target_before, source_before) if target_since else target_before),
    )

    async def move(connection: Connection, written: Written) -> int:
        return await point_back(
            connection,
            restored=f"Patient/{source.id}",
            survivor=f"Patient/{target.id}",
            version=written.version,
            now=exchange.engine.store.clock.now(),
            cause=exchange.author.request_id,
        )

    return await done(exchange, drafts, move, "the merge was undone")


def _refuse_unmerged(source: Record, target: Record) -> None:
    if survivor_of(source.patient) != f"Patient/{target.id}":
        raise Refused(422, [Issue("business-rule", "the source is not merged into the target")])
    if survivor_of(target.patient) is not None:
        raise Refused(422, [Issue("business-rule", "the target was merged itself since: undo that first")])


async def _before(reader: Reader, record: Record, type_code: str, id: str) -> tuple[dict[str, Any], bool]:
    """The version before the one in which the link appeared, and whether the record was changed after that one."""
    after = record.patient
    for number in range(record.version.version - 1, max(record.version.version - VERSIONS_MAX, 1) - 1, -1):
        version = await current.vread(reader, "Patient", record.id, number)
        if version is None or version.deleted:
            break
        patient = exact_json.parse(version.body)
        if not merging.links_to(patient, type_code, id):
            return patient, after is not record.patient
        after = patient
    # Created as merged, or merged by hand on one side only: there is nothing before to go back to.
    return {"resourceType": "Patient", "id": record.id}, True


UNMERGE = Operation(
    code="unmerge",
    definition="urn:bedside:OperationDefinition:Patient-unmerge",
    levels=("type",),
    types=("Patient",),
    scope=("u", "s"),
    parameters=PAIR,
    affects_state=True,
    handle=_unmerge,
)
