"""Gives new rows their place in the chain, in batches, so that whoever writes to the log waits for nobody."""

import asyncio

import structlog
from anyio import to_thread
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select, update

from bedside.auth.access_log.chain import BEGINNING, chained
from bedside.auth.database import Units
from bedside.auth.tables import AuditEvent

SEALED_AT_ONCE = 500
EVERY_S = 0.5
# Any number that no other advisory lock of this database has.
_LOCK = 7_365_616
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
        if not _alone(session):
            return 0
        position, before = head(session)
        rows = session.exec(
            select(AuditEvent)
            .where(col(AuditEvent.position).is_(None))
            .order_by(col(AuditEvent.recorded_at), col(AuditEvent.id))
            .limit(SEALED_AT_ONCE)
        ).all()
        places = []
        for row in rows:
            position += 1
            before = chained(row, position=position, before=before)
            places.append({"id": row.id, "position": position, "hash": before})
        session.execute(update(AuditEvent), places)
        return len(rows)


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


def _alone(session: Session) -> bool:
    if session.get_bind().dialect.name == "sqlite":
        return True  # A unit of work on SQLite is the only one that writes.
    return bool(session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK}))
