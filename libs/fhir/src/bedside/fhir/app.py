"""From a service's declaration to the ASGI app that serves it."""

import os

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from bedside.events.database import Database
from bedside.fhir.bulk.exporting import Exporting
from bedside.fhir.bulk.interactions import ExportInteractions
from bedside.fhir.bulk.partitioning import FILE_RESOURCES_MAX
from bedside.fhir.capability import CAPABILITIES
from bedside.fhir.declaration import Service
from bedside.fhir.existence.answering import EXISTENCE
from bedside.fhir.existence.mentioning import MENTIONS
from bedside.fhir.existence.peers import Peers
from bedside.fhir.existence.tallying import TALLY
from bedside.fhir.operations.registered import OPERATIONS
from bedside.fhir.rest.bundle import BUNDLE
from bedside.fhir.rest.create import CREATE
from bedside.fhir.rest.delete import DELETE, DELETE_BY_CRITERIA
from bedside.fhir.rest.engine import Engine
from bedside.fhir.rest.history import HISTORY, HISTORY_OF_ALL, HISTORY_OF_TYPE
from bedside.fhir.rest.matching import MATCHING
from bedside.fhir.rest.operation import OPERATION_INTERACTIONS
from bedside.fhir.rest.patch import PATCH, PATCH_BY_CRITERIA
from bedside.fhir.rest.read import READ
from bedside.fhir.rest.refusals import refused
from bedside.fhir.rest.routing import routes
from bedside.fhir.rest.search import SEARCH, SEARCH_BY_POST
from bedside.fhir.rest.search_compartment import SEARCHES_OF_COMPARTMENTS
from bedside.fhir.rest.search_system import SEARCH_SYSTEM, SEARCH_SYSTEM_BY_POST
from bedside.fhir.rest.update import UPDATE, UPDATE_BY_CRITERIA
from bedside.fhir.rest.vread import VREAD
from bedside.fhir.search.asked import Facility
from bedside.fhir.store.store import Clock, RealClock, new_store
from bedside.identity import Verifier

# Literal paths before those with parameters: the first that fits answers.
INTERACTIONS = (
    CAPABILITIES,
    HISTORY_OF_ALL,
    SEARCH_SYSTEM_BY_POST,
    SEARCH_BY_POST,
    HISTORY_OF_TYPE,
    *OPERATION_INTERACTIONS,
    READ,
    UPDATE,
    PATCH,
    DELETE,
    SEARCH,
    CREATE,
    UPDATE_BY_CRITERIA,
    PATCH_BY_CRITERIA,
    DELETE_BY_CRITERIA,
    HISTORY,
    VREAD,
    BUNDLE,
    SEARCH_SYSTEM,
    *SEARCHES_OF_COMPARTMENTS,
)
BODY_BYTES_MAX = 32 * 1024 * 1024


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
    body_bytes_max: int = BODY_BYTES_MAX,
    page_key: bytes | None = None,
    export_file_max: int = FILE_RESOURCES_MAX,
) -> Starlette:
    """`/fhir/…` and `/internal/…` of this service.

    `base_url` is the FHIR base that clients see (the gateway's); `address` is where this service itself answers.
    Without `peers`, references to types that other services own are taken as they come. `page_key` (32 bytes) seals
    page tokens; replicas share one, by default it is new with each start. `export_file_max`
    bounds the resources in one file of an export.
    """
    base_url = base_url.rstrip("/")
    clock = clock or RealClock()
    facility = Facility(base_url)
    exports = ExportInteractions(Exporting(database, clock, facility, size=export_file_max), facility)
    engine = Engine(
        service=service,
        store=new_store(
            service,
            database=database,
            base_url=base_url,
            peers=peers,
            clock=clock,
            check_references=check_references,
        ),
        verifier=verifier,
        base_url=base_url,
        address=address,
        started=clock.now(),
        body_bytes_max=body_bytes_max,
        page_key=page_key or os.urandom(32),
        interactions=(*exports.all(), *INTERACTIONS),
        operations=(*OPERATIONS, *service.operations),
    )
    return Starlette(
        routes=[
            *routes(engine, engine.interactions, "/fhir"),
            *routes(engine, [EXISTENCE, MENTIONS, TALLY, MATCHING], ""),
        ],
        exception_handlers={HTTPException: refused, Exception: refused},
    )
