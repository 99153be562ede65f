"""The GET entries of a batch or transaction."""

from bedside.events.database.port import Reader
from bedside.fhir.bundles.answers import status_line
from bedside.fhir.bundles.entries import Entry
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.confinement import is_hidden, refuse_unless
from bedside.fhir.rest.engine import Engine
from bedside.fhir.rest.exchange import query_pairs
from bedside.fhir.rest.searching import searched
from bedside.fhir.rest.splicing import Bundle
from bedside.fhir.rest.versions import ABSENT, GONE
from bedside.fhir.store import current
from bedside.fhir.store.instants import shown
from bedside.identity import Caller


async def add_read(
    bundle: Bundle, reader: Reader, engine: Engine, caller: Caller, entry: Entry, *, handling: str
) -> None:
    """Refused as the interaction by itself would be, with the entry named."""
    try:
        if entry.id is None:
            refuse_unless(caller, "s", entry.type_name)
            pairs = query_pairs(entry.query or "")
            found = await searched(reader, engine, caller, entry.type_name, pairs, handling=handling)
            bundle.entry(resource=found.bytes(), response={"status": status_line(200)})
        elif entry.is_history and entry.version is None:
            raise Refused(400, [Issue("not-supported", "a history is not answered in bundles")])
        else:
            await _add_version(bundle, reader, engine, caller, entry, entry.id)
    except Refused as refused:
        raise Refused(refused.status, [Issue(i.code, i.text, entry.at) for i in refused.issues]) from refused


async def _add_version(bundle: Bundle, reader: Reader, engine: Engine, caller: Caller, entry: Entry, id: str) -> None:
    refuse_unless(caller, "r", entry.type_name)
    if entry.version is None:
        version = await current.read(reader, entry.type_name, id)
    else:
        version = await current.vread(reader, entry.type_name, id, entry.version)
    if version is None or await is_hidden(reader, caller, entry.type_name, version):
        raise ABSENT
    if version.deleted:
        raise GONE
    etag = f'W/"{version.version}"'
    if entry.request.get("ifNoneMatch") == etag:
        bundle.entry(response={"status": status_line(304), "etag": etag})
        return
    bundle.entry(
        full_url=f"{engine.base_url}/{entry.type_name}/{id}",
        resource=version.body,
        response={"status": status_line(200), "etag": etag, "lastModified": shown(version.updated)},
    )
