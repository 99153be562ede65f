"""From a service's declaration to the ASGI app that serves it."""

from datetime import datetime
from typing import Protocol

from starlette.applications import Starlette

from bedside.events.database import Database
from bedside.fhir.declaration import Service
from bedside.fhir.existence.peers import Peers
from bedside.identity import Verifier


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """Aware, UTC."""
        ...


def fhir_app(
    service: Service,
    *,
    database: Database,
    verifier: Verifier,
    base_url: str,
    address: str,
    peers: Peers | None = None,
    clock: Clock | None = None,
    check_references: bool = True,
    body_bytes_max: int = 32 * 1024 * 1024,
) -> Starlette:
    """`/fhir/…` and `/internal/existence` of this service.

    `base_url` is the FHIR base that clients see (the gateway's); `address` is where this service itself answers.
    Without `peers`, references to types that other services own are taken as they come.
    """
    raise NotImplementedError
