"""A search and its page as a Bundle: https://hl7.org/fhir/R4/http.html#search"""

from collections.abc import Iterable
from dataclasses import replace

from bedside.events.database.port import Reader
from bedside.fhir import exact_json
from bedside.fhir.outcome import operation_outcome
from bedside.fhir.rest.as_of import PARAMETER as AS_OF
from bedside.fhir.rest.as_of import snapshot_of
from bedside.fhir.rest.composed import Part
from bedside.fhir.rest.confinement import purview_of
from bedside.fhir.rest.engine import Engine
from bedside.fhir.rest.page_links import page_links
from bedside.fhir.rest.splicing import Bundle
from bedside.fhir.rest.versions import ABSENT
from bedside.fhir.search import query
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.context import Context
from bedside.fhir.search.paging import unseal
from bedside.fhir.search.purview import Purview
from bedside.fhir.search.running import Page, Stored, run
from bedside.fhir.search.subset import Subset, named
from bedside.identity import Caller

_JOINING = ("_has:", "_list", "_include", "_revinclude")


async def searched(
    reader: Reader,
    engine: Engine,
    caller: Caller,
    context: Context | str,
    pairs: list[tuple[str, str]],
    *,
    handling: str,
    part: Part | None = None,
) -> Bundle:
    """To be asked only after the scope for the types of the context, which may be given as the name of one type.

    `handling` is of `Prefer`; anything but `lenient` is strict. `part` is set where the gateway composes.
    """
    if isinstance(context, str):
        context = Context.of_type(context)
    purview = purview_of(caller)
    _refuse_foreign(purview, context)
    snapshot = await snapshot_of(reader, engine, pairs)
    if snapshot is None and part is not None:
        snapshot = part.snapshot
    past = tuple(pair for pair in pairs if pair[0] == AS_OF)
    pairs = [pair for pair in pairs if pair[0] != AS_OF]
    parsed = understood(engine, caller, context, pairs, handling=handling)
    # The instant stands in the links, and a page's token opens for no other.
    parsed = replace(parsed, applied=(*parsed.applied, *past))
    who = told_apart(caller)
    after = unseal(parsed, key=engine.page_key, caller=who)
    page = await run(reader, parsed, purview=purview, snapshot=snapshot, after=after)
    links = page_links(engine.base_url, parsed, page, key=engine.page_key, caller=who, carrying=part is None)
    return _bundle(engine, parsed, page, links)


def told_apart(caller: Caller) -> tuple[str, ...]:
    """What tells callers, and what they may see, apart: a page's token opens for one of them."""
    return (caller.subject, caller.client_id, caller.patient or "", *sorted(caller.roles))


def understood(
    engine: Engine, caller: Caller, context: Context, pairs: list[tuple[str, str]], *, handling: str
) -> query.Query:
    """The query alone; otherwise as `searched`."""
    return query.parse(
        context,
        pairs,
        handling="lenient" if handling == "lenient" else "strict",
        facility=Facility(engine.base_url),
        owned=_joinable(engine, purview_of(caller), pairs),
    )


def _joinable(engine: Engine, purview: Purview, pairs: list[tuple[str, str]]) -> frozenset[str]:
    """The types a chain may lead to: asking of a type what one may not search would tell what is in it."""
    if not any("." in name or name.startswith(_JOINING) for name, _ in pairs):
        return engine.service.types
    return frozenset(name for name in engine.service.types if purview.permits("s", name))


def _refuse_foreign(purview: Purview, context: Context) -> None:
    """Of another patient's compartment, whether it exists is secret."""
    owner = context.compartment
    if owner is None or owner.type_name != "Patient":
        return
    if all(purview.patient("s", name) not in (None, owner.id) for name in context.type_names):
        raise ABSENT


def _bundle(engine: Engine, parsed: query.Query, page: Page, links: Iterable[tuple[str, str]]) -> Bundle:
    bundle = Bundle("searchset", total=page.total)
    for relation, address in links:
        bundle.link(relation, address)
    for match in page.matches:
        _add(bundle, engine, match, _shown(match, parsed.subset), "match")
    for stored in page.included:
        _add(bundle, engine, stored, _included(stored, parsed.subset), "include")
    if parsed.warnings:
        told = exact_json.emit(operation_outcome(parsed.warnings))
        bundle.entry(resource=told, search={"mode": "outcome"})
    return bundle


def _shown(stored: Stored, subset: Subset | None) -> bytes:
    if subset is None:
        return stored.body
    if subset.is_id_alone:
        return named(stored.type_name, stored.id, stored.version, stored.updated)
    return subset.shown(stored.body)


def _included(stored: Stored, subset: Subset | None) -> bytes:
    # The list of elements does not apply to what is included: http://hl7.org/fhir/R4/search.html#elements
    return stored.body if subset is None or subset.kind == "elements" else subset.shown(stored.body)


def _add(bundle: Bundle, engine: Engine, stored: Stored, resource: bytes, mode: str) -> None:
    bundle.entry(full_url=f"{engine.base_url}/{stored.type_name}/{stored.id}", resource=resource, search={"mode": mode})
