"""`$everything`: the record of a patient, or of an encounter.

https://hl7.org/fhir/R4/patient-operation-everything.html, https://hl7.org/fhir/R4/encounter-operation-everything.html

An owner answers with what it has: what lies in the compartment, and of what that refers to, in two steps, all that is
nobody's record (practitioners, organizations, locations, medications …; of an encounter also the rest of the patient's
record that it names). Each is told once, newest version first, in pages of one snapshot.

Several owners have one patient's record between them. Whoever composes them asks each for
`GET {owner}/fhir/Patient/p1/$everything` with the same parameters and follows its `next` links, one owner after the
other; an owner that does not keep Patient answers with what it has of that patient's, and an empty Bundle when that is
nothing. What an entry of one owner refers to at another, as the Practitioner of an Observation, is read there by
`?_id=`: an owner cannot tell what the other has. `_type` may name types of another owner: they find nothing.
"""

from dataclasses import dataclass, replace
from datetime import UTC

from starlette.responses import Response

from bedside.events.database.port import Reader
from bedside.fhir.existence import rows
from bedside.fhir.operations.answering import answered
from bedside.fhir.operations.arguments import Arguments
from bedside.fhir.operations.care_dates import Within
from bedside.fhir.operations.operation import Operation, Parameter
from bedside.fhir.operations.record import Record, page
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.as_of import snapshot_of
from bedside.fhir.rest.confinement import purview_of, refuse_unless
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.page_links import page_links
from bedside.fhir.rest.reading import version_read
from bedside.fhir.rest.searching import told_apart
from bedside.fhir.rest.splicing import Bundle
from bedside.fhir.rest.versions import ABSENT
from bedside.fhir.search.context import Owner
from bedside.fhir.search.matching import now
from bedside.fhir.search.moments import Interval, interval
from bedside.fhir.search.paging import PagePosition, unseal
from bedside.fhir.search.running import Page
from bedside.fhir.search.spelling import shown
from bedside.fhir.store.references import types

# A patient's whole record in one answer, unless it is very long or less is asked for.
COUNT_DEFAULT = COUNT_MAX = 1000
# Of patients of whom the caller may see nothing, so many are passed over before an empty page says to go on.
PATIENTS_PASSED_MAX = 100
_APPLIED = ("start", "end", "_since", "_type", "_count", "_asOf")


@dataclass(frozen=True)
class Paging:
    """What a page of a record is a page of."""

    address: str
    type_names: tuple[str, ...]
    applied: tuple[tuple[str, str], ...]
    page: str | None


async def _everything(exchange: Exchange, arguments: Arguments) -> Response:
    engine, reader = exchange.engine, exchange.engine.store.database
    past = [("_asOf", text) for text in arguments.all("_asOf")]
    snapshot = await snapshot_of(reader, engine, past)
    await _refuse_absent(reader, exchange, past)
    wanted = _wanted(exchange, arguments)
    applied = tuple((name, str(value)) for name in _APPLIED for value in arguments.all(name))
    address = "/".join(part for part in (exchange.type_name, exchange.id, "$everything") if part)
    paging = Paging(address, wanted, applied, arguments.text("_page"))
    caller = told_apart(exchange.caller)
    position = unseal(paging, key=engine.page_key, caller=caller)
    if position is not None:
        snapshot = position.snapshot
    seen = await now(reader) if snapshot is None else snapshot
    found = await _pages(reader, exchange, _record(exchange, arguments, wanted, seen), position)
    bundle = Bundle("searchset")
    for relation, link in page_links(engine.base_url, paging, found, key=engine.page_key, caller=caller):
        bundle.link(relation, link)
    for stored in found.matches:
        full_url = f"{engine.base_url}/{stored.type_name}/{stored.id}"
        bundle.entry(full_url=full_url, resource=stored.body, search={"mode": "match"})
    return answered(exchange, bundle.bytes())


def _record(exchange: Exchange, arguments: Arguments, wanted: tuple[str, ...], snapshot: int) -> Record:
    start, end, since = (_moment(arguments.text(name)) for name in ("start", "end", "_since"))
    return Record(
        owned=tuple(sorted(exchange.engine.service.types)),
        wanted=wanted,
        care=Within(start.lo if start else None, end.hi if end else None) if start or end else None,
        since=since.lo if since else None,
        count=min(arguments.number("_count") or COUNT_DEFAULT, COUNT_MAX),
        snapshot=snapshot,
        purview=purview_of(exchange.caller),
    )


async def _pages(reader: Reader, exchange: Exchange, record: Record, position: PagePosition | None) -> Page:
    """A page of the one record; without an id, of one record after the other, in the order of the store's numbers."""
    after = position.vid if position else None
    only = exchange.id or record.purview.patient("r", "Patient")
    if only:
        return await page(reader, record, Owner(exchange.type_name, only), after)
    before: int = position.keys[0] if position and position.keys else 0
    found = Page([], [], None, None, record.snapshot)
    for _ in range(PATIENTS_PASSED_MAX):
        patient = await _patient(reader, before if after is None else before - 1)
        if patient is None:
            return found
        before, id = patient
        found = await page(reader, record, Owner("Patient", id), after, before)
        if found.matches or found.next:
            break
        after = None
    if found.next is None and await _patient(reader, before) is not None:
        return replace(found, next=PagePosition(record.snapshot, (before,), None))
    return found


async def _patient(reader: Reader, after: int) -> tuple[int, str] | None:
    """The number and id of the next patient of whom there is anything here."""
    row = await reader.fetch_row(
        "SELECT rid, fid FROM resource WHERE rid = (SELECT min(crid) FROM compartment WHERE crid > $1)", after
    )
    return None if row is None else (row[0], row[1])


async def _refuse_absent(reader: Reader, exchange: Exchange, past: list[tuple[str, str]]) -> None:
    """404 or 410 as of a read. Of a type that another owner keeps: when it is known to be gone, or not the caller's."""
    if not exchange.id:
        return
    if exchange.type_name in exchange.engine.service.types:
        await version_read(
            reader, exchange.engine, exchange.caller, exchange.type_name, exchange.id, past, lenient=False
        )
        return
    portions = purview_of(exchange.caller).portions("r", exchange.type_name)
    if all(portion.patient not in (None, exchange.id) for portion in portions):
        raise ABSENT
    key = f"{exchange.type_name}/{exchange.id}"
    known = (await rows.heard(reader, [key])).get(key)
    if known is not None and not known.exists and not past:
        raise ABSENT


def _wanted(exchange: Exchange, arguments: Arguments) -> tuple[str, ...]:
    """The types to tell of. Refused with 400 for what is no type, with 403 for one that the caller may not read."""
    named = [name for text in arguments.all("_type") for name in text.split(",")]
    owned = exchange.engine.service.types
    for name in named:
        if name not in types():
            raise Refused(400, [Issue("value", f"Parameter _type: {shown(name)} is no resource type of R4")])
        if name in owned:
            refuse_unless(exchange.caller, "r", name)
    return tuple(sorted(owned & set(named) if named else owned))


def _moment(text: str | None) -> Interval | None:
    found = None if text is None else interval(text, UTC)
    assert text is None or found is not None, "dates are checked before they come here"
    return found


_PARAMETERS = (
    Parameter("_since", "instant"),
    Parameter("_type", "code", repeats=True),
    Parameter("_count", "positiveInt"),
    Parameter("_asOf", "instant"),
    Parameter("_page", "string"),
)

PATIENT_EVERYTHING = Operation(
    code="everything",
    definition="http://hl7.org/fhir/OperationDefinition/Patient-everything",
    levels=("type", "instance"),
    types=("Patient",),
    scope=("r",),
    parameters=(Parameter("start", "date"), Parameter("end", "date"), *_PARAMETERS),
    handle=_everything,
)

ENCOUNTER_EVERYTHING = Operation(
    code="everything",
    definition="http://hl7.org/fhir/OperationDefinition/Encounter-everything",
    levels=("instance",),
    types=("Encounter",),
    scope=("r",),
    parameters=_PARAMETERS,
    handle=_everything,
)
