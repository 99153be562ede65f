"""Looking things up in the access log, newest first, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, tuple_
from sqlmodel import Session, col, func, select

from bedside.auth.tables import AuditedPatient, AuditEvent

PAGE_MAX = 500
Place = tuple[datetime, str]
"""Of a row: when, and its id."""


@dataclass(frozen=True)
class Looked:
    """What is looked for; what is empty or None bounds nothing. Several values mean any of them.

    `people` and `clients` are ids, `agents` of either; `patients` are logical ids; `since` is within, `until` is not.
    `also` are further conditions on AuditEvent.
    """

    patients: Sequence[str] = ()
    people: Sequence[str] = ()
    clients: Sequence[str] = ()
    agents: Sequence[str] = ()
    actions: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    purposes: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    also: tuple[ColumnElement[bool], ...] = ()


@dataclass(frozen=True)
class Page:
    """`following` is where the next page begins; None on the last."""

    rows: list[AuditEvent]
    following: Place | None


def look(
    session: Session, looked: Looked, *, after: Place | None = None, count: int = 50, oldest_first: bool = False
) -> Page:
    """At most `count` rows (1 to 500) that come after the place. Rows that are added meanwhile move nothing."""
    place = tuple_(col(AuditEvent.recorded_at), col(AuditEvent.id))
    query = select(AuditEvent).where(*conditions(looked))
    if after is not None:
        at = tuple_(after[0], after[1], types=[AuditEvent.__table__.c.recorded_at.type, AuditEvent.__table__.c.id.type])  # type: ignore[attr-defined]
        query = query.where(place > at if oldest_first else place < at)
    columns: list[Any] = [col(AuditEvent.recorded_at), col(AuditEvent.id)]
    query = query.order_by(*(column if oldest_first else column.desc() for column in columns))
    count = max(1, min(count, PAGE_MAX))
    rows = list(session.exec(query.limit(count + 1)).all())
    last = rows[count - 1] if len(rows) > count else None
    return Page(rows[:count], (last.recorded_at, last.id) if last else None)


def how_many(session: Session, looked: Looked) -> int:
    return session.exec(select(func.count()).select_from(AuditEvent).where(*conditions(looked))).one()


def conditions(looked: Looked) -> list[ColumnElement[bool]]:
    named: list[tuple[Any, Sequence[str]]] = [
        (AuditEvent.user_id, looked.people),
        (AuditEvent.client_id, looked.clients),
        (AuditEvent.action, looked.actions),
        (AuditEvent.outcome, looked.outcomes),
        (AuditEvent.purpose, looked.purposes),
    ]
    found: list[ColumnElement[bool]] = [col(column).in_(values) for column, values in named if values]
    if looked.agents:
        found.append(or_(col(AuditEvent.user_id).in_(looked.agents), col(AuditEvent.client_id).in_(looked.agents)))
    if looked.patients:
        about = select(AuditedPatient.event_id).where(col(AuditedPatient.patient).in_(looked.patients))
        found.append(col(AuditEvent.id).in_(about))
    if looked.since is not None:
        found.append(col(AuditEvent.recorded_at) >= looked.since)
    if looked.until is not None:
        found.append(col(AuditEvent.recorded_at) < looked.until)
    return [*found, *looked.also]
