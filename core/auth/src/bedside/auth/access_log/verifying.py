"""Checks the whole chain, a thousand rows at a time."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select as core_select
from sqlmodel import Session, col, func, select

from bedside.auth.access_log.adding import EVENTS
from bedside.auth.access_log.anchoring import Anchor
from bedside.auth.access_log.chain import BEGINNING, chained
from bedside.auth.access_log.sealing import head
from bedside.auth.database import Units
from bedside.auth.tables import AuditedPatient, AuditEvent

LOOKED_AT_ONCE = 1_000
UNSEALED_AT_MOST = timedelta(minutes=1)


@dataclass(frozen=True)
class Verdict:
    """`broken` is a sentence that names the first position that does not fit; None when all do."""

    positions: int
    head: str
    broken: str | None = None
    waiting: int = 0
    """Rows that have waited for their seal for longer than a minute."""


def verify(
    units: Units,
    *,
    now: datetime,
    anchors: Sequence[Anchor] = (),
    progress: Callable[[int, int], None] = lambda done, all_: None,
) -> Verdict:
    """`progress` is told after each thousand how many of how many are checked."""
    expected = {anchor.position: anchor.hash for anchor in anchors}
    position, before = 0, BEGINNING
    with units.reading() as session:
        last, _ = head(session)
        waiting = _waiting(session, now)
        while position < last:
            following = core_select(EVENTS).where(EVENTS.c.position > position, EVENTS.c.position <= last)
            page = following.order_by(EVENTS.c.position).limit(LOOKED_AT_ONCE)
            rows = [dict(row) for row in session.connection().execute(page).mappings()]
            indexed = _indexed(session, [row["id"] for row in rows])
            for row in rows:
                broken = _broken(row, position + 1, before, expected, indexed[row["id"]])
                if broken is not None:
                    return Verdict(position, before, broken, waiting)
                position, before = row["position"], row["hash"]
            progress(position, last)
    beyond = [anchor.position for anchor in anchors if anchor.position > last]
    if beyond:
        sentence = f"position {last + 1} is missing: an anchor says that there were at least {max(beyond)}"
        return Verdict(position, before, sentence, waiting)
    return Verdict(position, before, None, waiting)


def _broken(
    row: Mapping[str, Any], expected_position: int, before: str, anchors: dict[int, str], indexed: Sequence[str]
) -> str | None:
    if row["position"] != expected_position:
        return f"position {expected_position} is missing"
    if row["hash"] != chained(row, position=expected_position, before=before):
        return f"position {expected_position} does not fit its hash: it or the row before was changed, put in or moved"
    if anchors.get(expected_position, row["hash"]) != row["hash"]:
        return f"position {expected_position} is not what was anchored: the chain was written anew"
    if list(indexed) != sorted(set(row["patients"])):
        return f"position {expected_position} cannot be found by its patients: the index was changed"
    return None


def _indexed(session: Session, ids: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for patient, event_id in session.exec(
        select(AuditedPatient.patient, AuditedPatient.event_id).where(col(AuditedPatient.event_id).in_(ids))
    ):
        found[event_id].append(patient)
    return defaultdict(list, {event_id: sorted(patients) for event_id, patients in found.items()})


def _waiting(session: Session, now: datetime) -> int:
    late = col(AuditEvent.position).is_(None), col(AuditEvent.recorded_at) < now - UNSEALED_AT_MOST
    return session.exec(select(func.count()).select_from(AuditEvent).where(*late)).one()
