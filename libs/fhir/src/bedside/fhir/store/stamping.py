"""The bytes that are stored: what was received, with `id` and `meta` as the server has them."""

from typing import Any

import orjson

from bedside.fhir import exact_json
from bedside.fhir.store.current import Version
from bedside.fhir.store.instants import shown


def stamped(resource: dict[str, Any], id: str, version: int, updated: int) -> dict[str, Any]:
    """A copy in the same element order, `id` and `meta` first where they were absent; other parts of `meta` stay."""
    meta = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": shown(updated)}
    made = {"resourceType": resource["resourceType"], "id": id, "meta": meta}
    if "id" not in resource or "meta" not in resource:
        return made | {name: value for name, value in resource.items() if name not in made}
    return {**resource, "id": id, "meta": meta}


def same_content(resource: dict[str, Any], version: Version) -> bool:
    """Whether writing `resource` would change nothing but its version: element order does not count, precision does."""
    stored = exact_json.parse(version.body)
    return _sorted(stamped(resource, stored["id"], version.version, version.updated)) == _sorted(stored)


def _sorted(value: Any) -> bytes:
    return orjson.dumps(value, default=lambda number: orjson.Fragment(str(number)), option=orjson.OPT_SORT_KEYS)
