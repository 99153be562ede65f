"""The envelope is CloudEvents 1.0, and nothing else is taken for one."""

import uuid
from datetime import UTC, datetime

import orjson
import pytest
from telling import NOW, event

from bedside.events import Event, Fact, Undecodable, UnknownSchema
from bedside.events.catalog import PatientMerged
from bedside.events.envelope import envelope, new_event_id


def test_an_event_is_structured_cloudevents_json():
    body = envelope(
        Fact(PatientMerged(survivor="Patient/p2", changed=("active", "link")), "Patient/p7", 7),
        source="/patients",
        event_id="0195f0b0-0000-7000-8000-000000000001",
        sequence=3,
        now=NOW,
        correlation_id="r1",
    )
    assert orjson.loads(body) == {
        "specversion": "1.0",
        "id": "0195f0b0-0000-7000-8000-000000000001",
        "source": "/patients",
        "type": "bedside.patient.merged.v1",
        "subject": "Patient/p7",
        "time": "2026-03-01T12:00:00.000Z",
        "datacontenttype": "application/json",
        "dataschema": "/events/schemas/patient.merged.v1.0.json",
        "aggregateversion": 7,
        "sequence": "000000000003",
        "correlationid": "r1",
        "data": {"survivor": "Patient/p2", "changed": ["active", "link"]},
    }


GOOD = orjson.loads(event().body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"not json",
        b"\xff",
        b"[" * 30_000,
        b" " * 70_000,
        *(orjson.dumps({k: v for k, v in GOOD.items() if k != name}) for name in ("id", "type", "sequence", "data")),
        *(
            orjson.dumps(GOOD | change)
            for change in (
                {"id": "1"},
                {"specversion": "0.3"},
                {"type": "other.thing.v1"},
                {"sequence": "0"},
                {"sequence": "x"},
                {"time": "yesterday"},
                {"data": []},
                {"subject": None},
            )
        ),
    ],
    # A name of thirty thousand brackets helps nobody, and a random id makes another name in every worker.
    ids=lambda body: f"{len(body)}-bytes",
)
def test_anything_else_is_undecodable(body):
    with pytest.raises(Undecodable):
        Event.parse(body)


def test_data_of_another_shape_is_an_unknown_schema():
    with pytest.raises(UnknownSchema):
        event().read_as(PatientMerged)


def test_ids_are_uuids_of_version_7_and_sort_by_time():
    early, late = (new_event_id(datetime(year, 1, 1, tzinfo=UTC)) for year in (2026, 2027))
    assert early < late
    assert {uuid.UUID(early).version, uuid.UUID(late).version} == {7}
    assert new_event_id(NOW) != new_event_id(NOW)
