"""`Observation/$lastn`: the newest observations of each code.

https://hl7.org/fhir/R4/observation-operation-lastn.html

Of one patient, whom `patient` or `subject` names. Any other search parameter of Observation narrows what is looked at.
Newest is by `effective[x]`, then by what was stored last; an observation without a time comes after those with one. Two
observations are of one group when they share a coding, or have the same text and no coding.
"""

from starlette.responses import Response

from bedside.fhir import exact_json
from bedside.fhir.operations.answering import answered
from bedside.fhir.operations.arguments import Arguments
from bedside.fhir.operations.latest import ROWS_MAX, latest
from bedside.fhir.operations.operation import Operation, Parameter
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.as_of import snapshot_of
from bedside.fhir.rest.confinement import purview_of
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.page_links import link
from bedside.fhir.rest.searching import understood
from bedside.fhir.rest.splicing import Bundle
from bedside.fhir.search.context import Context
from bedside.fhir.search.criteria import ReferenceIs
from bedside.fhir.search.query import Query
from bedside.fhir.search.running import Stored
from bedside.fhir.search.spelling import shown

MAX_DEFAULT = 1
MAX_MAX = 100
_SHAPING = ("_count", "_sort", "_total", "_summary", "_elements", "_include", "_revinclude", "_page")


async def _lastn(exchange: Exchange, arguments: Arguments) -> Response:
    engine, reader = exchange.engine, exchange.engine.store.database
    newest = min(arguments.number("max") or MAX_DEFAULT, MAX_MAX)
    past = [("_asOf", text) for text in arguments.all("_asOf")]
    snapshot = await snapshot_of(reader, engine, past)
    pairs = list(arguments.criteria)
    _refuse_shaping(pairs)
    query = understood(engine, exchange.caller, Context.of_type("Observation"), pairs, handling="strict")
    purview = purview_of(exchange.caller)
    patient = _patient(query) or purview.patient("s", "Observation")
    if patient is None:
        text = "Parameter patient or subject is needed, and names one Patient"
        raise Refused(400, [Issue("required", text)])
    found = await latest(reader, query, patient=patient, newest=newest, purview=purview, snapshot=snapshot)
    if len(found) > ROWS_MAX:
        raise Refused(400, [Issue("too-costly", f"more than {ROWS_MAX} observations: ask for less with code or max")])
    bundle = Bundle("searchset", total=None)
    bundle.link("self", link(f"{engine.base_url}/Observation/$lastn", [*pairs, ("max", str(newest)), *past]))
    for stored in _by_group(found, newest):
        full_url = f"{engine.base_url}/{stored.type_name}/{stored.id}"
        bundle.entry(full_url=full_url, resource=stored.body, search={"mode": "match"})
    return answered(exchange, bundle.bytes())


def _patient(query: Query) -> str | None:
    patients = {each.patient for each in query.criteria if isinstance(each, ReferenceIs) and each.patient}
    return patients.pop() if len(patients) == 1 else None


def _refuse_shaping(pairs: list[tuple[str, str]]) -> None:
    wrong = [name for name, _ in pairs if name.partition(":")[0] in _SHAPING]
    if wrong:
        raise Refused(400, [Issue("not-supported", f"Parameter {shown(name)} does not apply here") for name in wrong])


def _by_group(found: list[Stored], newest: int) -> list[Stored]:
    """Group after group, that of the newest first; in each the newest first. `found` is newest first."""
    groups: list[tuple[set[str], list[Stored]]] = []
    for stored in found:
        names = _names(stored.body)
        same = [group for group in groups if group[0] & names]
        groups = [group for group in groups if group not in same]
        members = [member for group in same for member in group[1]]
        groups.append((names.union(*(group[0] for group in same)), [*members, stored]))
    place = {stored.vid: at for at, stored in enumerate(found)}
    ordered = [sorted(members, key=lambda stored: place[stored.vid]) for _, members in groups]
    ordered.sort(key=lambda members: place[members[0].vid])
    return [stored for members in ordered for stored in members[:newest]]


def _names(body: bytes) -> set[str]:
    """What its code is called: `system|code` of each coding, else its text."""
    code = exact_json.parse(body).get("code") or {}
    codings = [coding for coding in code.get("coding", ()) if coding.get("code")]
    if codings:
        return {f"{coding.get('system', '')}|{coding['code']}" for coding in codings}
    return {f"\n{code.get('text', '')}"}


LASTN = Operation(
    code="lastn",
    definition="http://hl7.org/fhir/OperationDefinition/Observation-lastn",
    levels=("type",),
    types=("Observation",),
    scope=("s",),
    parameters=(Parameter("max", "positiveInt"), Parameter("_asOf", "instant")),
    takes_criteria=True,
    handle=_lastn,
)
