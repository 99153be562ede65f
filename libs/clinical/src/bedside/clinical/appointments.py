"""R18: when the patient is expected, and checking in. Nothing here says why they come."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from bedside.clinical.concepts import first_name
from bedside.clinical.directory import Directory, type_of
from bedside.clinical.disclosure import is_labelled
from bedside.clinical.excluded import is_expected
from bedside.clinical.moments import LAST, Moment, instant, printed
from bedside.clinical.resources import Appointment
from bedside.clinical.shown import Shown, Status

UPCOMING = timedelta(days=90)


class ExpectedVisit(Shown):
    id: str
    title: str | None
    status: str
    start: str | None
    end: str | None
    location: str | None
    clinician: str | None


class Appointments(Shown):
    status: Status
    today: list[ExpectedVisit] | None
    upcoming: list[ExpectedVisit] | None


class CheckIn(Shown):
    state: Literal["expected", "arrived", "none", "unknown"]
    appointment_id: str | None
    actions: list[Literal["arrive", "undo-arrive", "walk-in"]]


UNAVAILABLE = Appointments(status="unavailable", today=None, upcoming=None)
CHECK_IN_UNKNOWN = CheckIn(state="unknown", appointment_id=None, actions=[])


def appointments(records: Iterable[Appointment], directory: Directory, moment: Moment, *, whole: bool) -> Appointments:
    today, upcoming = [], []
    for record in _in_order(records, moment):
        begins = instant(record.get("start"), moment.zone)
        if begins is None:
            continue
        away = begins.astimezone(moment.zone).date() - moment.today
        if away == timedelta(0):
            today.append(_shown(record, directory, moment))
        elif timedelta(0) < away <= UPCOMING:
            upcoming.append(_shown(record, directory, moment))
    return Appointments(status="ok" if whole else "partial", today=today, upcoming=upcoming)


def check_in(today: list[ExpectedVisit]) -> CheckIn:
    for status, state, action in (("booked", "expected", "arrive"), ("arrived", "arrived", "undo-arrive")):
        first = next((visit for visit in today if visit.status == status), None)
        if first:
            return CheckIn.model_validate({"state": state, "appointmentId": first.id, "actions": [action]})
    return CheckIn(state="none", appointment_id=None, actions=["walk-in"])


def first_after(records: Iterable[Appointment], moment: Moment) -> Appointment | None:
    """The next acceptable one at or after now."""
    return next((record for record in _in_order(records, moment) if moment.now <= _begins(record, moment) < LAST), None)


def appointment_location(record: Appointment, directory: Directory) -> str | None:
    return _participant(record, "Location", directory)


def appointment_clinician(record: Appointment, directory: Directory) -> str | None:
    return _participant(record, "Practitioner", directory)


def _in_order(records: Iterable[Appointment], moment: Moment) -> list[Appointment]:
    return sorted(filter(is_expected, records), key=lambda record: (_begins(record, moment), record["id"]))


def _begins(record: Appointment, moment: Moment) -> datetime:
    return instant(record.get("start"), moment.zone) or LAST


def _participant(record: Appointment, type_name: str, directory: Directory) -> str | None:
    actors = (participant.get("actor") for participant in record.get("participant", []))
    return next((directory.name(actor) for actor in actors if type_of(actor) == type_name), None)


def _shown(record: Appointment, directory: Directory, moment: Moment) -> ExpectedVisit:
    # The name of a clinic tells as much as the name of the service: of a labelled one only the time is told.
    told = not is_labelled(record)
    return ExpectedVisit(
        id=record["id"],
        title=first_name(record.get("serviceType")) if told else "Appointment",
        status=record["status"],
        start=printed(record.get("start"), moment.zone),
        end=printed(record.get("end"), moment.zone),
        location=appointment_location(record, directory) if told else None,
        clinician=appointment_clinician(record, directory) if told else None,
    )
