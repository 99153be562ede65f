"""The envelope a fact travels in: CloudEvents 1.0, serialised once; those bytes are stored, sent and replayed.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

from bedside.events.catalog import EventData

BODY_MAX_BYTES = 64 * 1024
_PREFIX = "bedside."
D = TypeVar("D", bound=EventData)


class Undecodable(Exception):
    """The bytes are no envelope of ours. Trying again cannot help."""


class UnknownSchema(Exception):
    """The data of this event cannot be read by this version of the program; a later one may."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened, before it is enveloped. `subject` is a reference; `version` its FHIR version (or 1)."""

    event: EventData
    subject: str
    version: int = 1

    @property
    def stream(self) -> str:
        return f"{self.event.family()}:{self.subject}"


@dataclass(frozen=True, slots=True)
class Event:
    """A fact in its envelope. `routing_key` is as `patient.merged.v1`, `source` as `/patients`."""

    id: str
    source: str
    routing_key: str
    subject: str
    time: datetime
    version: int
    sequence: int
    correlation_id: str
    causation_id: str | None
    traceparent: str | None
    data: Mapping[str, Any]
    body: bytes

    @property
    def family(self) -> str:
        return self.routing_key.partition(".")[0]

    @property
    def stream(self) -> str:
        """Events of one stream are numbered 1, 2, 3… by `sequence`, and applied in that order."""
        return f"{self.family}:{self.subject}"

    @property
    def owner(self) -> str:
        return self.source.lstrip("/")

    def is_a(self, kind: type[EventData]) -> bool:
        return self.routing_key == kind.routing_key

    def read_as(self, kind: type[D]) -> D:
        """UnknownSchema when the data does not fit this version of `kind`."""
        try:
            return kind.model_validate(self.data)
        except ValidationError as error:
            raise UnknownSchema(self.routing_key) from error

    @classmethod
    def parse(cls, body: bytes) -> "Event":
        """Undecodable when the bytes are not an envelope of ours."""
        if len(body) > BODY_MAX_BYTES:
            raise Undecodable(f"{len(body)} bytes, more than {BODY_MAX_BYTES}")
        try:
            envelope = orjson.loads(body)
            if envelope["specversion"] != "1.0" or not envelope["type"].startswith(_PREFIX):
                raise Undecodable("not a CloudEvents 1.0 event of ours")
            event = cls(
                id=str(uuid.UUID(envelope["id"])),
                source=envelope["source"],
                routing_key=envelope["type"].removeprefix(_PREFIX),
                subject=envelope["subject"],
                time=datetime.fromisoformat(envelope["time"]),
                version=int(envelope["aggregateversion"]),
                sequence=int(envelope["sequence"]),
                correlation_id=envelope["correlationid"],
                causation_id=envelope.get("causationid"),
                traceparent=envelope.get("traceparent"),
                data=envelope["data"],
                body=body,
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Undecodable(type(error).__name__) from error
        if not isinstance(event.data, dict) or not isinstance(event.subject, str) or event.sequence < 1:
            raise Undecodable("an attribute of the envelope has the wrong type")
        return event


def envelope(
    fact: Fact,
    *,
    source: str,
    event_id: str,
    sequence: int,
    now: datetime,
    correlation_id: str,
    causation_id: str | None = None,
    traceparent: str | None = None,
) -> bytes:
    """The bytes of the event. `now` is aware."""
    kind = type(fact.event)
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": _PREFIX + kind.routing_key,
        "subject": fact.subject,
        "time": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "dataschema": f"/events/schemas/{kind.schema_name()}.json",
        "aggregateversion": fact.version,
        # Twelve digits, so that sequences also compare as text.
        "sequence": f"{sequence:012d}",
        "correlationid": correlation_id,
    }
    if causation_id is not None:
        attributes["causationid"] = causation_id
    if traceparent is not None:
        attributes["traceparent"] = traceparent
    attributes["data"] = fact.event.model_dump(mode="json", exclude_none=True)
    body = orjson.dumps(attributes)
    assert len(body) <= BODY_MAX_BYTES, "a fact holds ids and names of elements; it cannot grow this large"
    return body


def new_event_id(now: datetime) -> str:
    """A UUIDv7 (RFC 9562, section 5.7): sorted by time, random in its last 74 bits."""
    milliseconds = int(now.timestamp() * 1000) & ((1 << 48) - 1)
    random = int.from_bytes(os.urandom(10), "big")
    value = (
        (milliseconds << 80)
        | (0x7 << 76)
        | (((random >> 62) & 0xFFF) << 64)
        | (0b10 << 62)
        | (random & ((1 << 62) - 1))
    )
    return str(uuid.UUID(int=value))
