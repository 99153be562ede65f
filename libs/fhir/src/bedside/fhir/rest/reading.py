"""The version that a read or vread asks for: by `_asOf` the one that was current at an instant."""

from collections.abc import Sequence

from bedside.events.database.port import Reader
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.rest.as_of import PARAMETER as AS_OF
from bedside.fhir.rest.as_of import Pair, snapshot_of
from bedside.fhir.rest.confinement import is_hidden
from bedside.fhir.rest.engine import Engine
from bedside.fhir.rest.versions import ABSENT, GONE
from bedside.fhir.search.spelling import shown
from bedside.fhir.store import current
from bedside.identity import Caller

_TAKEN = (AS_OF, "_summary", "_elements")


async def version_read(
    reader: Reader, engine: Engine, caller: Caller, type_name: str, id: str, pairs: Sequence[Pair], *, lenient: bool
) -> current.Version:
    """Refused with 404 where nothing is (or was, or may be seen), with 410 where it is (or was) deleted."""
    if pairs and not lenient:
        _refuse_unknown(pairs)
    snapshot = await snapshot_of(reader, engine, pairs) if pairs else None
    if snapshot is None:
        version = await current.read(reader, type_name, id)
    else:
        version = await current.as_of(reader, type_name, id, snapshot)
    return await _seen(reader, caller, type_name, version)


async def version_vread(reader: Reader, caller: Caller, type_name: str, id: str, number: int) -> current.Version:
    """That version. Refused as `version_read`."""
    return await _seen(reader, caller, type_name, await current.vread(reader, type_name, id, number))


async def _seen(reader: Reader, caller: Caller, type_name: str, version: current.Version | None) -> current.Version:
    if version is None or await is_hidden(reader, caller, type_name, version):
        raise ABSENT
    if version.deleted:
        raise GONE
    return version


def _refuse_unknown(pairs: Sequence[Pair]) -> None:
    # A parameter that is passed over, as _asof, would show another version than was meant.
    wrong = [
        Issue("not-supported", f"a read has no parameter {shown(name)}; it has {', '.join(_TAKEN)}")
        for name, _ in pairs
        if name not in (*_TAKEN, "_format", "_pretty")
    ]
    if wrong:
        raise Refused(400, wrong)
