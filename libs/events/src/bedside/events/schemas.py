"""The contracts: one JSON Schema and one sample per event and version, made from the catalogue and committed.

`python -m bedside.events.schemas FOLDER` writes what is missing there. What exists is never changed: a change of an
event is a new version.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from bedside.events.catalog import CATALOG, EventData
from bedside.events.envelope import Fact, envelope

_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
_SAMPLES = {"reference": "Patient/p2", "id": "a1b2", "element-path": "link", "instant": "2026-03-01T12:00:00Z"}


def schema_of(kind: type[EventData]) -> dict[str, Any]:
    """Of the `data` of the event; the envelope is CloudEvents'."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"/events/schemas/{kind.schema_name()}.json",
        "x-owners": list(kind.owners),
    } | kind.model_json_schema(mode="serialization")


def sample_of(kind: type[EventData]) -> bytes:
    """A whole event, the same every time."""
    properties = kind.model_json_schema().get("properties", {})
    event = kind.model_validate({name: _value(schema) for name, schema in properties.items()})
    return envelope(
        Fact(event, "Patient/p7", 7),
        source=f"/{kind.owners[0]}",
        event_id="0195f0b0-0000-7000-8000-000000000001",
        sequence=3,
        now=datetime(2026, 3, 1, 12, tzinfo=UTC),
        correlation_id="0195f0b0-0000-7000-8000-000000000001",
    )


def _value(schema: dict[str, Any]) -> Any:
    if schema.get("type") == "array":
        return [_value(schema["items"])]
    if schema.get("type") == "boolean":
        return False
    return _SAMPLES[schema["x-kind"]]


def main(folder: Path) -> None:
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    for kind in CATALOG:
        name = f"{kind.schema_name()}.json"
        for path, content in (
            (folder / name, orjson.dumps(schema_of(kind), option=_OPTIONS)),
            (folder / "samples" / name, sample_of(kind) + b"\n"),
        ):
            if not path.exists():
                path.write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
