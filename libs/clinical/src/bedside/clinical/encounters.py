"""R13: where the patient is, was, and is expected."""

from collections.abc import Iterable
from datetime import datetime

from bedside.clinical.appointments import appointment_clinician, appointment_location, first_after
from bedside.clinical.concepts import first_name
from bedside.clinical.directory import Directory
from bedside.clinical.moments import Moment, instant, printed
from bedside.clinical.resources import Appointment, Encounter
from bedside.clinical.shown import Shown, Status

_CURRENT = {"arrived", "triaged", "in-progress", "onleave"}
_KINDS = {
    "IMP": "inpatient",
    "ACUTE": "inpatient",
    "NONAC": "inpatient",
    "AMB": "outpatient",
    "EMER": "emergency",
    "VR": "virtual",
    "HH": "home",
}
_PLACES = ("bd", "ro", "wa")


class Visit(Shown):
    id: str
    kind: str
    title: str | None
    status: str
    start: str | None
    end: str | None
    location: str | None
    clinician: str | None
    reason: str | None


class Encounters(Shown):
    status: Status
    current: Visit | None
    last: Visit | None
    next: Visit | None


UNAVAILABLE = Encounters(status="unavailable", current=None, last=None, next=None)


def encounters(
    visits: Iterable[Encounter],
    expected: Iterable[Appointment],
    directory: Directory,
    moment: Moment,
    *,
    whole: bool,
) -> Encounters:
    known = list(visits)
    current = current_encounter(known, moment)
    last = _latest((visit for visit in known if visit.get("status") == "finished"), moment)
    following = first_after(expected, moment)
    return Encounters(
        status="ok" if whole else "partial",
        current=_visit(current, directory, moment) if current else None,
        last=_visit(last, directory, moment) if last else None,
        next=_appointment(following, directory, moment) if following else None,
    )


def current_encounter(visits: Iterable[Encounter], moment: Moment) -> Encounter | None:
    return _latest((visit for visit in visits if is_current(visit)), moment)


def is_current(visit: Encounter) -> bool:
    return visit.get("status") in _CURRENT


def is_acute(visit: Encounter) -> bool:
    return kind(visit) in ("inpatient", "emergency")


def kind(visit: Encounter) -> str:
    return _KINDS.get(visit.get("class", {}).get("code", ""), "other")


def place(visit: Encounter, directory: Directory) -> str | None:
    """Bed before room before ward before the rest: "Bed 1, Ward 7B"."""
    everywhere = visit.get("status") == "finished"
    stays = [stay for stay in visit.get("location", []) if everywhere or stay.get("status", "active") == "active"]
    named = [(directory.physical_type(stay.get("location")), directory.name(stay.get("location"))) for stay in stays]
    named.sort(key=lambda found: _PLACES.index(found[0]) if found[0] in _PLACES else len(_PLACES))
    return ", ".join(name for _, name in named if name) or None


def length_of_stay_days(visit: Encounter, moment: Moment) -> int | None:
    """Calendar days in the facility's zone, until the end or today."""
    begun = instant(visit.get("period", {}).get("start"), moment.zone)
    if begun is None:
        return None
    ended = instant(visit.get("period", {}).get("end"), moment.zone)
    until = ended.astimezone(moment.zone).date() if ended else moment.today
    return (until - begun.astimezone(moment.zone).date()).days


def _latest(visits: Iterable[Encounter], moment: Moment) -> Encounter | None:
    def order(visit: Encounter) -> tuple[bool, float, str]:
        begun: datetime | None = instant(visit.get("period", {}).get("start"), moment.zone)
        return begun is None, -begun.timestamp() if begun else 0.0, visit["id"]

    return min(visits, key=order, default=None)


def _visit(visit: Encounter, directory: Directory, moment: Moment) -> Visit:
    people = [participant.get("individual") for participant in visit.get("participant", [])]
    period = visit.get("period", {})
    return Visit(
        id=visit["id"],
        kind=kind(visit),
        title=first_name(visit.get("type")),
        status=visit["status"],
        start=printed(period.get("start"), moment.zone),
        end=printed(period.get("end"), moment.zone),
        location=place(visit, directory),
        clinician=directory.name(people[0]) if people else None,
        reason=first_name(visit.get("reasonCode")),
    )


def _appointment(appointment: Appointment, directory: Directory, moment: Moment) -> Visit:
    return Visit(
        id=appointment["id"],
        kind="appointment",
        title=first_name(appointment.get("serviceType")),
        status=appointment["status"],
        start=printed(appointment.get("start"), moment.zone),
        end=printed(appointment.get("end"), moment.zone),
        location=appointment_location(appointment, directory),
        clinician=appointment_clinician(appointment, directory),
        reason=first_name(appointment.get("reasonCode")),
    )
