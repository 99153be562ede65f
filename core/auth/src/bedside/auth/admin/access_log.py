"""The access log in the console: who looked at what, found by patient, person or app, day, outcome and purpose."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import false, or_
from sqlmodel import Session, col, select
from starlette.responses import Response

from bedside.auth.access_log import Happening, Looked, look, record
from bedside.auth.access_log.as_fhir import Names
from bedside.auth.access_log.looking import PAGE_MAX, Place
from bedside.auth.access_log.searching import place_of, place_written
from bedside.auth.admin.console import Console, Visit
from bedside.auth.admin.sections import AUDIT
from bedside.auth.admin.typing_in import typed, typed_day
from bedside.auth.answers import NO_STORE
from bedside.auth.parameters import Parameters
from bedside.auth.tables import AuditEvent, Client, User

PATH = "/admin/access-log"
ROWS = 50
EXPORTED_MAX = 10_000
WHO_MAX = 20
"""People and apps that one search may mean."""
PATIENTS_SHOWN = 3
OUTCOMES = {"success": "Done", "refused": "Refused", "failed": "Failed"}
PURPOSES = {"BTG": "Emergency access", "TREAT": "Treatment", "PATRQT": "The patient's request"}
_PATIENT = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_FILTERS = ("patient", "who", "since", "until", "outcome", "purpose")
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Row:
    event: AuditEvent
    person: User | None
    app: Client | None

    @property
    def patients(self) -> Sequence[str]:
        return self.event.patients[:PATIENTS_SHOWN]

    @property
    def more_patients(self) -> int:
        return len(self.event.patients) - len(self.patients)

    @property
    def about(self) -> str:
        """What it was about beside the patients."""
        entity = self.event.entity or ""
        return "" if entity.removeprefix("Patient/") in self.event.patients else entity

    @property
    def words(self) -> str:
        detail = self.event.detail
        return str(detail.get("view") or detail.get("operation") or detail.get("reason") or "")


@dataclass(frozen=True)
class _Asked:
    typed: dict[str, str]
    looked: Looked
    problem: str | None = None
    """Why it cannot be looked for; then nothing is."""


def declare(console: Console) -> None:
    @console.page(PATH, may=AUDIT)
    def listed(visit: Visit) -> Response:
        asked = _asked(visit)
        page = look(visit.session, asked.looked, after=place_of(typed(visit.query, "after")), count=ROWS)
        _note(visit, "access-log-read", asked, page.rows)
        return visit.shown(
            "access_log.html",
            status=400 if asked.problem else 200,
            asked=asked.typed,
            problem=asked.problem,
            rows=_rows(visit.session, page.rows),
            older=_address(PATH, asked, page.following) if page.following else None,
            newest=_address(PATH, asked) if visit.query.get("after") else None,
            export=_address(f"{PATH}/export", asked),
            outcomes=OUTCOMES,
            purposes=PURPOSES,
            exported_max=EXPORTED_MAX,
        )

    @console.page(f"{PATH}/export", may=AUDIT)
    def exported(visit: Visit) -> Response:
        asked = _asked(visit)
        if asked.problem:
            return visit.shown("message.html", status=400, title="This cannot be exported", text=asked.problem)
        events = _all(visit.session, asked.looked)
        _note(visit, "access-log-exported", asked, events)
        named = f"access-log-{visit.authority.clock.now().astimezone(UTC):%Y%m%dT%H%M%SZ}.csv"
        headers = NO_STORE | {"Content-Disposition": f'attachment; filename="{named}"'}
        return Response(_csv(_rows(visit.session, events)), headers=headers, media_type="text/csv")


def _asked(visit: Visit) -> _Asked:
    values = {name: typed(visit.query, name, characters_max=100) for name in _FILTERS}
    given = _Asked(values, Looked(also=(false(),)))
    if values["patient"] and not _PATIENT.fullmatch(_patient(values)):
        return replace(given, problem="A patient is looked for by their id, such as p1: not by a name or a number.")
    try:
        since, until = (_day(visit, visit.query, name) for name in ("since", "until"))
    except ValueError:
        return replace(given, problem="A day is written as 2026-11-25.")
    looked = Looked(
        patients=[_patient(values)] if values["patient"] else (),
        outcomes=[values["outcome"]] if values["outcome"] else (),
        purposes=[values["purpose"]] if values["purpose"] else (),
        since=since,
        until=until + timedelta(days=1) if until else None,
    )
    return _of(visit.session, replace(given, looked=looked), values["who"])


def _day(visit: Visit, query: Parameters, name: str) -> datetime | None:
    return typed_day(query, name, visit.authority.installation.zone)


def _patient(values: dict[str, str]) -> str:
    return values["patient"].removeprefix("Patient/")


def _of(session: Session, asked: _Asked, who: str) -> _Asked:
    if not who:
        return asked
    people = session.exec(select(User.id).where(_is_called(who, User.username, User.name, User.id, User.fhir_user)))
    clients = session.exec(select(Client.id).where(_is_called(who, Client.name, Client.id)))
    found = [*people.fetchmany(WHO_MAX + 1)], [*clients.fetchmany(WHO_MAX + 1)]
    if sum(map(len, found)) > WHO_MAX:
        too_many = f"More than {WHO_MAX} people and apps are called so: type more of the name."
        return _Asked(asked.typed, Looked(also=(false(),)), too_many)
    looked = replace(asked.looked, agents=[id_ for ids in found for id_ in ids])
    return replace(asked, looked=looked if any(found) else Looked(also=(false(),)))


def _is_called(who: str, *columns: Any) -> Any:
    exact = [col(column) == who for column in columns]
    return or_(*exact, *(col(column).icontains(who, autoescape=True) for column in columns[:1] if len(who) > 1))


def _rows(session: Session, events: Sequence[AuditEvent]) -> list[Row]:
    names = Names.of(session, events)
    return [
        Row(event, names.people.get(event.user_id or ""), names.clients.get(event.client_id or "")) for event in events
    ]


def _all(session: Session, looked: Looked) -> list[AuditEvent]:
    events: list[AuditEvent] = []
    after: Place | None = None
    while len(events) < EXPORTED_MAX:
        page = look(session, looked, after=after, count=min(PAGE_MAX, EXPORTED_MAX - len(events)))
        events += page.rows
        after = page.following
        if after is None:
            break
    return events


def _address(path: str, asked: _Asked, after: Place | None = None) -> str:
    pairs = [(name, value) for name, value in asked.typed.items() if value]
    pairs += [("after", place_written(after))] if after else []
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _note(visit: Visit, action: str, asked: _Asked, events: Sequence[AuditEvent]) -> None:
    """Who reads the log is in the log. What was typed is not: of a patient only if there is something about them."""
    names = " ".join(name for name, value in asked.typed.items() if value)
    happening = Happening(
        action,
        user_id=visit.visitor.user.id,
        entity="AuditEvent",
        patient=_patient(asked.typed) if asked.typed["patient"] and events else None,
        detail={"parameters": names} if names else {},
    )
    with visit.authority.units.unit() as session:
        record(visit.authority, session, happening)


def _csv(rows: Sequence[Row]) -> bytes:
    written = io.StringIO()
    sheet = csv.writer(written)
    sheet.writerow(("recorded", "person", "user_id", "app", "action", "entity", "patients", "outcome", "purpose",
                    "source", "position", "hash", "id"))  # fmt: skip
    for row in rows:
        event = row.event
        cells = (
            event.recorded_at.astimezone(UTC).isoformat(timespec="milliseconds"),
            row.person.name if row.person else "",
            event.user_id,
            row.app.name if row.app else event.client_id,
            event.action,
            event.entity,
            " ".join(event.patients),
            event.outcome,
            event.purpose,
            event.source,
            event.position,
            event.hash,
            event.id,
        )
        sheet.writerow(["" if cell is None else _plain(str(cell)) for cell in cells])
    return written.getvalue().encode()


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
