"""The GET entries of a batch or transaction."""

from datetime import UTC

from bedside.events.database.port import Reader
from bedside.fhir.bundles.answers import status_line
from bedside.fhir.bundles.entries import Entry
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.confinement import refuse_unless
from bedside.fhir.rest.engine import Engine
from bedside.fhir.rest.exchange import query_pairs
from bedside.fhir.rest.history import history
from bedside.fhir.rest.page_links import pairs_meant
from bedside.fhir.rest.reading import version_read, version_vread
from bedside.fhir.rest.search_compartment import context_within
from bedside.fhir.rest.searching import searched, told_apart
from bedside.fhir.rest.splicing import Bundle
from bedside.fhir.search.context import Context, Owner
from bedside.fhir.search.moments import interval
from bedside.fhir.store.current import Version
from bedside.fhir.store.instants import shown
from bedside.identity import Caller


async def add_read(
    bundle: Bundle, reader: Reader, engine: Engine, caller: Caller, entry: Entry, *, handling: str
) -> None:
    """Refused as the interaction by itself would be, with the entry named."""
    try:
        if entry.is_history and entry.version is None:
            await _add_history(bundle, reader, engine, caller, entry, handling=handling)
        elif entry.id is None:
            await _add_search(bundle, reader, engine, caller, entry, handling=handling)
        else:
            await _add_version(bundle, reader, engine, caller, entry, entry.id, handling=handling)
    except Refused as refused:
        raise Refused(refused.status, [Issue(i.code, i.text, entry.at) for i in refused.issues]) from refused


async def _add_search(
    bundle: Bundle, reader: Reader, engine: Engine, caller: Caller, entry: Entry, *, handling: str
) -> None:
    refuse_unless(caller, "s", entry.type_name)
    context = Context.of_type(entry.type_name)
    if entry.within is not None:
        compartment, _, id = entry.within.partition("/")
        context = context_within(Owner(compartment, id), entry.type_name)
    pairs = pairs_meant(query_pairs(entry.query or ""), key=engine.page_key, caller=told_apart(caller))
    found = await searched(reader, engine, caller, context, pairs, handling=handling)
    _add_bundle(bundle, entry, found)


async def _add_history(
    bundle: Bundle, reader: Reader, engine: Engine, caller: Caller, entry: Entry, *, handling: str
) -> None:
    found, _ = await history(
        reader,
        engine,
        caller,
        query_pairs(entry.query or ""),
        type_name=entry.type_name,
        id=entry.id,
        lenient=handling == "lenient",
    )
    _add_bundle(bundle, entry, found)


def _add_bundle(bundle: Bundle, entry: Entry, found: Bundle) -> None:
    body = None if entry.method == "HEAD" else found.bytes()
    bundle.entry(resource=body, response={"status": status_line(200)})


async def _add_version(
    bundle: Bundle, reader: Reader, engine: Engine, caller: Caller, entry: Entry, id: str, *, handling: str
) -> None:
    refuse_unless(caller, "r", entry.type_name)
    if entry.version is None:
        pairs = query_pairs(entry.query or "")
        lenient = handling == "lenient"
        version = await version_read(reader, engine, caller, entry.type_name, id, pairs, lenient=lenient)
    else:
        version = await version_vread(reader, caller, entry.type_name, id, entry.version)
    told = {"etag": f'W/"{version.version}"', "lastModified": shown(version.updated)}
    if _is_known(entry, version):
        bundle.entry(response={"status": status_line(304), **told})
        return
    bundle.entry(
        full_url=f"{engine.base_url}/{entry.type_name}/{id}",
        resource=None if entry.method == "HEAD" else version.body,
        response={"status": status_line(200), **told},
    )


def _is_known(entry: Entry, version: Version) -> bool:
    """Whether the client says that it has this version. ETags outrank instants."""
    tags = entry.request.get("ifNoneMatch")
    if tags is not None:
        known = {tag.strip().removeprefix("W/").strip('"') for tag in tags.split(",")}
        return "*" in known or str(version.version) in known
    since = interval(entry.request.get("ifModifiedSince", ""), UTC)
    return since is not None and since.hi > version.updated
