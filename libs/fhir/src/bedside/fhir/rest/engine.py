"""What every interaction of one service works with."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from bedside.fhir.declaration import Service
from bedside.fhir.store.store import Store
from bedside.identity import Verifier

if TYPE_CHECKING:
    from bedside.fhir.operations.operation import Operation
    from bedside.fhir.rest.interaction import Interaction


@dataclass(frozen=True, slots=True)
class Engine:
    """`base_url` is the FHIR base that clients see, without a slash at its end."""

    service: Service
    store: Store
    verifier: Verifier
    base_url: str
    address: str
    started: datetime
    body_bytes_max: int
    page_key: bytes = field(repr=False)
    interactions: "tuple[Interaction, ...]" = field(default=(), repr=False)
    operations: "tuple[Operation, ...]" = field(default=(), repr=False)
