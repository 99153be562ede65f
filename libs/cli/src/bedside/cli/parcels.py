"""Files of FHIR resources, as the requests that load them."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from bedside.cli.failure import Failure
from bedside.cli.loading import Parcel

_PER_BATCH = 200
# What others refer to goes before them: then few have to be sent twice.
_REFERRED_TO = (
    ("Organization", "Endpoint"),
    ("Location", "Practitioner", "Medication", "Substance"),
    ("HealthcareService", "PractitionerRole", "Patient"),
    ("RelatedPerson", "Person", "Group", "Device", "Coverage", "Account", "EpisodeOfCare", "Schedule", "Slot"),
    ("Appointment", "Encounter", "Specimen", "CarePlan", "ServiceRequest"),
)
_BUNDLES = ("transaction", "batch")


def files_in(paths: Sequence[Path]) -> tuple[list[Path], list[list[Path]]]:
    """What must be loaded first, one after the other, and the rest in stages, each once the one before it is done.

    `0-…` are hospitals and practitioners, which patients refer to. Of NDJSON the first line's type says when. Lines
    that are bundles come last: an export lists deletions so.
    """
    found: list[Path] = []
    for path in paths:
        found += sorted(path.rglob("*.json")) + sorted(path.rglob("*.ndjson")) if path.is_dir() else [path]
    first = [path for path in found if path.name.startswith("0-")]
    stages: list[list[Path]] = [[] for _ in range(len(_REFERRED_TO) + 2)]
    for path in found:
        if not path.name.startswith("0-"):
            stages[_stage(path)].append(path)
    return first, [stage for stage in stages if stage]


def parcels_of(path: Path) -> Iterator[Parcel]:
    """Raises Failure when the file holds no FHIR."""
    if path.suffix == ".ndjson":
        yield from _of_lines(path)
        return
    content = path.read_bytes()
    told = _object(content, str(path))
    if _is_manifest(told):
        return
    kind = _kind(told, str(path))
    if kind != "Bundle":
        yield batch(path.name, [_entry(content.strip(), told)])
    elif told.get("type") in _BUNDLES:
        # The bytes go as they are: what arrives is what was written, to the last digit.
        yield Parcel(path.name, content, len(told.get("entry", ())))
    else:
        resources = [entry["resource"] for entry in told.get("entry", ()) if "resource" in entry]
        for start in range(0, len(resources), _PER_BATCH):
            part = resources[start : start + _PER_BATCH]
            yield batch(f"{path.name} from entry {start}", [_entry(orjson.dumps(each), each) for each in part])


def batch(name: str, entries: Sequence[bytes]) -> Parcel:
    return Parcel(name, bundle("batch", entries), len(entries), tuple(entries))


def bundle(kind: str, entries: Iterable[bytes]) -> bytes:
    """Of entries as JSON."""
    return b'{"resourceType":"Bundle","type":"' + kind.encode() + b'","entry":[' + b",".join(entries) + b"]}"


def _of_lines(path: Path) -> Iterator[Parcel]:
    with path.open("rb") as lines:
        part: list[bytes] = []
        first = 1
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            where = f"{path.name} line {number}"
            told = _object(line, where)
            if _kind(told, where) == "Bundle" and told.get("type") in _BUNDLES:
                yield Parcel(where, line.strip(), len(told.get("entry", ())))
                continue
            first = first if part else number
            part.append(_entry(line.strip(), told))
            if len(part) == _PER_BATCH:
                yield batch(f"{path.name} from line {first}", part)
                part = []
        if part:
            yield batch(f"{path.name} from line {first}", part)


def _entry(resource: bytes, told: dict[str, Any]) -> bytes:
    """The resource's own bytes, to the last digit.

    One with an id keeps it, so that loading twice makes nothing twice.
    """
    kind, id = told["resourceType"], told.get("id")
    request = {"method": "PUT", "url": f"{kind}/{id}"} if id else {"method": "POST", "url": kind}
    return b'{"resource":' + resource + b',"request":' + orjson.dumps(request) + b"}"


def _stage(path: Path) -> int:
    last = len(_REFERRED_TO)
    if path.suffix != ".ndjson":
        return last
    with path.open("rb") as lines:
        line = next((line for line in lines if line.strip()), b"{}")
    kind = _object(line, f"{path.name} line 1").get("resourceType")
    if kind == "Bundle":
        return last + 1
    return next((place for place, kinds in enumerate(_REFERRED_TO) if kind in kinds), last)


def _object(content: bytes, where: str) -> dict[str, Any]:
    try:
        told = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise Failure(f"{where} is not JSON") from None
    if not isinstance(told, dict):
        raise Failure(f"{where} is not a FHIR resource in JSON")
    return told


def _kind(told: dict[str, Any], where: str) -> str:
    kind = told.get("resourceType")
    if not isinstance(kind, str):
        raise Failure(f"{where} is not a FHIR resource in JSON")
    return kind


def _is_manifest(told: dict[str, Any]) -> bool:
    """Of a bulk export, kept beside its files."""
    return "resourceType" not in told and "transactionTime" in told and "output" in told
