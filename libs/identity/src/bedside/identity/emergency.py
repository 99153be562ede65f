"""Emergency access ("break the glass"), as tokens speak of it: one person, one patient, half an hour.

Auth puts it into the tokens that it exchanges for a service, never into an app's own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

BREAK_GLASS = "BTG"
"""The purpose of use: https://terminology.hl7.org/CodeSystem-v3-ActReason.html"""
PERMISSION = "glass"
"""The roles that hold it may break the glass."""
STANDING_MAX = 20
"""So many may stand at once for one person: each is a part of their tokens."""
_SECONDS_MAX = 2**36


@dataclass(frozen=True, slots=True)
class BrokenGlass:
    id: str
    patient: str
    """A logical id."""
    until: datetime


def broken_glasses(claims: Mapping[str, Any]) -> tuple[BrokenGlass, ...]:
    """What the claim `btg` says. What is not in the shape that auth gives it opens nothing."""
    said = claims.get("btg")
    entries = said[:STANDING_MAX] if isinstance(said, list) else []
    return tuple(glass for entry in entries if (glass := _glass(entry)) is not None)


def emergency_claims(glasses: Iterable[BrokenGlass]) -> dict[str, Any]:
    """The claims that speak of these; none where there is none.

    `purpose_of_use` is that of reading the patients named in `btg`, and says nothing of others: `Caller.purpose_for`.
    """
    entries = [{"id": glass.id, "patient": glass.patient, "until": int(glass.until.timestamp())} for glass in glasses]
    return {"btg": entries, "purpose_of_use": BREAK_GLASS} if entries else {}


def _glass(entry: Any) -> BrokenGlass | None:
    if not isinstance(entry, dict):
        return None
    id_, patient, until = entry.get("id"), entry.get("patient"), entry.get("until")
    if not (isinstance(id_, str) and id_ and isinstance(patient, str) and patient):
        return None
    if isinstance(until, bool) or not isinstance(until, int) or not 0 <= until <= _SECONDS_MAX:
        return None
    return BrokenGlass(id_, patient, datetime.fromtimestamp(until, UTC))
