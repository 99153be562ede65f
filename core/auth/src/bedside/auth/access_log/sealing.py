"""Gives rows their place in the chain, in batches.

What the services tell has its place when it is taken; what auth itself writes gets it within a second, so that no
sign-in and no token waits for another.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import structlog
from anyio import to_thread
from sqlalchemy import select as core_select
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from bedside.auth.access_log.adding import EVENTS
from bedside.auth.access_log.chain import BEGINNING, chained
from bedside.auth.database import Units
from bedside.auth.tables import AuditEvent

SEALED_AT_ONCE = 500
EVERY_S = 0.5
# Any number that no other advisory lock of this database has.
_LOCK = 7_365_616
_UNSEALED = (
    core_select(EVENTS)
    .where(EVENTS.c.position.is_(None))
    .order_by(EVENTS.c.recorded_at, EVENTS.c.id)
    .limit(SEALED_AT_ONCE)
)
_PLACE = text("UPDATE audit_event SET position = :position, hash = :hash WHERE id = :id")
_PLACES = text(
    "UPDATE audit_event SET position = place.position, hash = place.hash"
    " FROM unnest(CAST(:id AS text[]), CAST(:position AS bigint[]), CAST(:hash AS text[])) AS place(id, position, hash)"
    " WHERE audit_event.id = place.id"
)
_log = structlog.get_logger("bedside.auth.access_log")


async def keep_sealing(units: Units) -> None:
    """Until cancelled. A database that is away is waited for: what it holds is sealed when it is back."""
    while True:
        try:
            sealed = await to_thread.run_sync(seal, units)
        except SQLAlchemyError as error:
            _log.warning("sealing waits", error=type(error).__name__)
            sealed = 0
        if sealed < SEALED_AT_ONCE:
            await asyncio.sleep(EVERY_S)


def seal(units: Units) -> int:
    """Seals up to 500 rows and says how many. Safe beside another process: one seals, the other finds nothing to do."""
    with units.reading() as session:
        if session.exec(select(AuditEvent.id).where(col(AuditEvent.position).is_(None)).limit(1)).first() is None:
            return 0
    with units.unit() as session:
        if not may_chain(session):
            return 0
        # Not by the ORM, which would take longer than all the rest.
        rows = [dict(row) for row in session.connection().execute(_UNSEALED).mappings()]
        places = in_the_chain(session, rows)
        if places:
            _keep(session, places)
        return len(places)


@dataclass(frozen=True)
class Place:
    id: str
    position: int
    hash: str


def in_the_chain(session: Session, rows: Sequence[Mapping[str, Any]]) -> list[Place]:
    """The places that follow the last one, in this order. To be asked by who may chain, and written in this unit."""
    position, before = head(session)
    places = []
    for row in rows:
        position += 1
        before = chained(row, position=position, before=before)
        places.append(Place(row["id"], position, before))
    return places


def head(session: Session) -> tuple[int, str]:
    """The last sealed position and its hash."""
    found = session.exec(
        select(AuditEvent.position, AuditEvent.hash)
        .where(col(AuditEvent.position).is_not(None))
        .order_by(col(AuditEvent.position).desc())
        .limit(1)
    ).first()
    if found is None or found[0] is None or found[1] is None:
        return 0, BEGINNING
    return found[0], found[1]


def may_chain(session: Session, *, wait: bool = False) -> bool:
    """Whether nobody else adds to the chain until this unit ends. Who waits always may, once the others are done."""
    if session.get_bind().dialect.name == "sqlite":
        return True  # A unit of work on SQLite is the only one that writes.
    if wait:
        session.connection().execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        return True
    return bool(session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK}))


def _keep(session: Session, places: Sequence[Place]) -> None:
    if session.get_bind().dialect.name == "sqlite":
        session.connection().execute(_PLACE, [asdict(place) for place in places])
        return
    columns = {name: [getattr(place, name) for place in places] for name in ("id", "position", "hash")}
    session.connection().execute(_PLACES, columns)
