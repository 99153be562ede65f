"""Files of FHIR resources, as the requests that load them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from bedside.cli.failure import Failure
from bedside.cli.loading import Parcel

_PER_BATCH = 200


def files_in(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """What must be loaded first, and the rest. `0-…` are hospitals and practitioners, which patients refer to."""
    found: list[Path] = []
    for path in paths:
        found += sorted(path.rglob("*.json")) + sorted(path.rglob("*.ndjson")) if path.is_dir() else [path]
    first = [path for path in found if path.name.startswith("0-")]
    return first, [path for path in found if not path.name.startswith("0-")]


def parcels_of(path: Path) -> Iterator[Parcel]:
    """Raises Failure when the file holds no FHIR."""
    if path.suffix == ".ndjson":
        yield from _of_lines(path)
        return
    content = path.read_bytes()
    try:
        resource = orjson.loads(content)
        kind = resource["resourceType"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise Failure(f"{path} is not a FHIR resource in JSON") from None
    if kind != "Bundle":
        yield Parcel(path.name, _batch([resource]), 1)
    elif resource.get("type") in ("transaction", "batch"):
        # The bytes go as they are: what arrives is what was written, to the last digit.
        yield Parcel(path.name, content, len(resource.get("entry", ())))
    else:
        resources = [entry["resource"] for entry in resource.get("entry", ()) if "resource" in entry]
        for start in range(0, len(resources), _PER_BATCH):
            part = resources[start : start + _PER_BATCH]
            yield Parcel(f"{path.name} from entry {start}", _batch(part), len(part))


def _of_lines(path: Path) -> Iterator[Parcel]:
    with path.open("rb") as lines:
        numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
        part: list[Any] = []
        first = 1
        for number, line in numbered:
            if not part:
                first = number
            try:
                part.append(orjson.loads(line))
            except orjson.JSONDecodeError:
                raise Failure(f"{path.name} line {number} is not JSON") from None
            if len(part) == _PER_BATCH:
                yield Parcel(f"{path.name} from line {first}", _batch(part), len(part))
                part = []
        if part:
            yield Parcel(f"{path.name} from line {first}", _batch(part), len(part))


def _batch(resources: Sequence[Any]) -> bytes:
    return orjson.dumps(
        {"resourceType": "Bundle", "type": "batch", "entry": [_entry(resource) for resource in resources]}
    )


def _entry(resource: Any) -> dict[str, Any]:
    """A resource with an id keeps it, so that loading twice makes nothing twice."""
    kind, id = resource.get("resourceType", "Resource"), resource.get("id")
    request = {"method": "PUT", "url": f"{kind}/{id}"} if id else {"method": "POST", "url": kind}
    return {"resource": resource, "request": request}
