"""Takes what the edges tell of accesses into the log, each once."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator
from sqlmodel import Session, col, select

from bedside.auth.access_log.adding import add
from bedside.auth.access_log.sealing import in_the_chain, may_chain
from bedside.auth.tables import AuditEvent, Glass

LINES_MAX = 1_000
EMERGENCY = "BTG"
# One code each, as the others: https://terminology.hl7.org/CodeSystem-v3-ActReason.html
_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9\-._~:|/@]{1,200}$")]
_Word = Annotated[str, Field(pattern=r"^[a-z][a-z\-]{0,60}$")]
_Entity = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]{0,63}(/[A-Za-z0-9\-.]{1,64})?$")]
_Patient = Annotated[str, Field(pattern=r"^[A-Za-z0-9\-.]{1,64}$")]
_log = structlog.get_logger("bedside.auth.access_log")


class Told(BaseModel):
    """One line. Its words are ids, codes and names of parameters: what else is in it is not taken."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(pattern=r"^[0-9a-f\-]{36}$")]
    at: AwareDatetime
    source: Literal["gateway", "patients", "encounters"]
    action: _Word
    outcome: Literal["success", "refused", "failed"]
    subject: _Id | None = None
    client: _Id | None = None
    purpose: Annotated[str, Field(pattern=r"^[A-Z]{1,20}$")] | None = None
    entity: _Entity | None = None
    patients: Annotated[list[_Patient], Field(max_length=5_000)] = []
    detail: Annotated[dict[_Word, Annotated[str, Field(max_length=4_000)]], Field(max_length=10)] = {}

    @field_validator("detail")
    @classmethod
    def _known(cls, detail: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in detail.items() if name in _DETAILS}


_DETAILS = frozenset({"roles", "act", "parameters", "status", "trace", "operation", "view", "reason", "part", "untold"})


@dataclass(frozen=True)
class Taken:
    rows: int
    unreadable: int


def take(session: Session, lines: Sequence[bytes]) -> Taken:
    """What was taken before is not taken again; what is no line of ours is counted, and kept by nobody."""
    told = _read(lines)
    # Whoever else brings the same waits here, and then finds it known.
    may_chain(session, wait=True)
    known = set(session.exec(select(AuditEvent.id).where(col(AuditEvent.id).in_([each.id for each in told]))))
    new = {each.id: each for each in told if each.id not in known}
    emergencies = _Emergencies(session, new.values())
    rows = [_row(each, emergencies) for each in new.values()]
    for row, place in zip(rows, in_the_chain(session, rows), strict=True):
        row |= asdict(place)
    add(session, rows)
    return Taken(len(rows), len(lines) - len(told))


def _read(lines: Sequence[bytes]) -> list[Told]:
    told = []
    for line in lines:
        try:
            told.append(Told.model_validate_json(line))
        except ValidationError as error:
            # Of our own making it would be a defect; what it holds may be anybody's, and is not logged.
            fields = sorted({str(part) for problem in error.errors() for part in problem["loc"][:1]})
            _log.error("an access cannot be read", fields=fields)
    return told


def _row(told: Told, emergencies: "_Emergencies") -> dict[str, Any]:
    person = told.subject if told.subject != told.client else None
    return {
        "id": told.id,
        "recorded_at": told.at,
        "action": told.action,
        "outcome": told.outcome,
        "source": told.source,
        # A program that acts for itself is its own subject, and no person.
        "user_id": person,
        "client_id": told.client,
        "entity": told.entity,
        "purpose": EMERGENCY if emergencies.cover(told) else told.purpose,
        "patients": sorted(set(told.patients)),
        "detail": told.detail,
    }


class _Emergencies:
    """Whoever had broken the glass looked for that reason: the token that reached the edge does not say so."""

    def __init__(self, session: Session, told: Iterable[Told]) -> None:
        self._of: dict[tuple[str, str], list[Glass]] = defaultdict(list)
        people = {each.subject for each in told if each.subject}
        for glass in session.exec(select(Glass).where(col(Glass.user_id).in_(people))) if people else ():
            self._of[glass.user_id, glass.patient].append(glass)

    def cover(self, told: Told) -> bool:
        """Of all its patients: a list in which one of them stands was not asked for in an emergency."""
        if not told.subject or not told.patients:
            return False
        return all(_during(self._of.get((told.subject, patient), ()), told) for patient in told.patients)


def _during(glasses: Collection[Glass], told: Told) -> bool:
    return any(
        glass.client_id == told.client and glass.began_at <= told.at < min(glass.until, glass.ended_at or glass.until)
        for glass in glasses
    )
