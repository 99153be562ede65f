"""What services have agreed to tell: committed, never changed, and never anything of a patient."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from bedside.events import CATALOG, Event
from bedside.events.schemas import sample_of, schema_of

CONTRACTS = Path(__file__).parent.parent / "contracts"
HARMLESS = {"id", "reference", "element-path", "instant"}
ids = [kind.schema_name() for kind in CATALOG]


@pytest.mark.parametrize("kind", CATALOG, ids=ids)
def test_the_catalogue_says_what_the_contract_says(kind):
    assert orjson.loads((CONTRACTS / f"{kind.schema_name()}.json").read_bytes()) == schema_of(kind)


@pytest.mark.parametrize("path", sorted((CONTRACTS / "samples").iterdir()), ids=lambda path: path.stem)
def test_every_sample_ever_is_read(path):
    event = Event.parse(path.read_bytes().strip())
    [kind] = [kind for kind in CATALOG if event.is_a(kind)]
    assert event.read_as(kind) == Event.parse(sample_of(kind)).read_as(kind)


@pytest.mark.parametrize("kind", CATALOG, ids=ids)
def test_the_bytes_of_an_event_survive_being_read_and_written(kind):
    body = sample_of(kind)
    assert orjson.dumps(orjson.loads(body)) == body


@pytest.mark.parametrize("path", sorted(CONTRACTS.glob("*.json")), ids=lambda path: path.stem)
def test_no_event_can_hold_a_patients_data(path):
    assert list(_freely_written(orjson.loads(path.read_bytes()), path.stem)) == []


def test_free_text_would_be_found():
    schema = {"properties": {"name": {"type": "string"}, "codes": {"type": "array", "items": {"type": "string"}}}}
    assert list(_freely_written(schema, "x")) == ["x.properties.name", "x.properties.codes.items"]


def test_a_name_repeated_in_the_catalogue_would_be_found():
    assert len({kind.routing_key for kind in CATALOG}) == len(CATALOG)


def _freely_written(schema: Any, at: str) -> Any:
    """Where a string may be anything."""
    if isinstance(schema, dict):
        closed = "enum" in schema or "const" in schema or schema.get("x-kind") in HARMLESS
        open_object = schema.get("type") == "object" and schema.get("additionalProperties") not in (None, False)
        if (schema.get("type") == "string" and not closed) or open_object:
            yield at
        for name, part in schema.items():
            yield from _freely_written(part, f"{at}.{name}")
    elif isinstance(schema, list):
        for number, part in enumerate(schema):
            yield from _freely_written(part, f"{at}[{number}]")
