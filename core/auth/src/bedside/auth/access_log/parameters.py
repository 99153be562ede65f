"""The search parameters of AuditEvent, each from its values to a condition on the log.

https://hl7.org/fhir/R4/auditevent.html#search. `purpose` is ours; R4 has no parameter for `purposeOfEvent`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from sqlalchemy import ColumnElement, String, and_, cast, false, literal, not_, or_, true
from sqlmodel import col, select

from bedside.auth.access_log.actions import KINDS, OURS, Kind, kind_of
from bedside.auth.access_log.as_fhir import OUTCOMES
from bedside.auth.tables import AuditedPatient, AuditEvent, Client, User
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.escaping import split, unescaped
from bedside.fhir.search.moments import interval

VALUES_MAX = 100
Condition = ColumnElement[bool]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID_TYPES = ("Patient", "Practitioner", "PractitionerRole", "RelatedPerson")


def condition(name: str, value: str, *, zone: tzinfo, base: str) -> Condition:
    """`value` as it was sent, with commas for *or*. Raises Refused, with 400."""
    if name not in PARAMETERS:
        raise _refused("not-supported", f"AuditEvent is not searched by {_shown(name)}")
    values = split(value, ",")
    if not value or any(not part for part in values) or len(values) > VALUES_MAX:
        raise _refused("value", f"{name} has an empty value, or too many")
    if name in ("date", "_lastUpdated"):
        return or_(*(_date(part, zone) for part in values))
    if name in ("patient", "agent", "entity"):
        return or_(*(PARAMETERS[name][1](part.removeprefix(f"{base}/")) for part in values))
    return or_(*(PARAMETERS[name][1](part) for part in values))


def _patient(value: str) -> Condition:
    id_ = value.removeprefix("Patient/")
    about = select(AuditedPatient.event_id).where(AuditedPatient.patient == id_)
    return col(AuditEvent.id).in_(about)


def _agent(value: str) -> Condition:
    """`Practitioner/dr-shah`, or an id: of a person's resource, a person or a client."""
    references = [value] if "/" in value else [f"{type_name}/{value}" for type_name in _ID_TYPES]
    people = select(User.id).where(col(User.fhir_user).in_(references))
    same = [col(AuditEvent.user_id).in_(people)]
    return or_(*same) if "/" in value else or_(*same, _alternative(value))


def _alternative(value: str) -> Condition:
    return or_(col(AuditEvent.user_id) == value, col(AuditEvent.client_id) == value)


def _agent_name(value: str) -> Condition:
    """Begins with, without case: R4's rule for strings."""
    begins = unescaped(value)
    people = select(User.id).where(col(User.name).istartswith(begins, autoescape=True))
    clients = select(Client.id).where(col(Client.name).istartswith(begins, autoescape=True))
    return or_(col(AuditEvent.user_id).in_(people), col(AuditEvent.client_id).in_(clients))


def _agent_role(value: str) -> Condition:
    held = literal(" ") + cast(AuditEvent.detail["roles"].as_string(), String) + literal(" ")
    return held.contains(f" {_code(value)} ", autoescape=True)


def _outcome(value: str) -> Condition:
    meant = {code: outcome for outcome, code in OUTCOMES.items()}
    # 12 is a code of R4 that we never tell: nothing is found by it.
    return col(AuditEvent.outcome) == meant.get(_code(value), "")


def _action(value: str) -> Condition:
    return _of_kind(lambda kind: kind.letter == _code(value))


def _type(value: str) -> Condition:
    return _of_kind(lambda kind: _is(kind.type[:2], value))


def _subtype(value: str) -> Condition:
    system, bar, code = value.rpartition("|")
    ours = [] if bar and system != OURS else [col(AuditEvent.action) == code]
    named = [name for name, kind in KINDS.items() if kind.subtype and _is(kind.subtype[:2], value)]
    return or_(*ours, col(AuditEvent.action).in_(named))


def _of_kind(fits: Callable[[Kind], bool]) -> Condition:
    listed = col(AuditEvent.action).in_([action for action, kind in KINDS.items() if fits(kind)])
    if fits(kind_of("any other")):
        return or_(listed, not_(col(AuditEvent.action).in_(list(KINDS))))
    return listed


def _entity(value: str) -> Condition:
    same = col(AuditEvent.entity) == value
    return or_(same, _patient(value)) if value.startswith("Patient/") else same


def _entity_type(value: str) -> Condition:
    code = _code(value)
    if code == "1":
        return col(AuditEvent.id).in_(select(AuditedPatient.event_id))
    return or_(col(AuditEvent.entity) == code, col(AuditEvent.entity).startswith(f"{code}/", autoescape=True))


def _token(column: object) -> Callable[[str], Condition]:
    return lambda value: col(column) == _code(value)


PARAMETERS: dict[str, tuple[str, Callable[[str], Condition]]] = {
    "_id": ("token", _token(AuditEvent.id)),
    "_lastUpdated": ("date", lambda value: true()),
    "action": ("token", _action),
    "agent": ("reference", _agent),
    "agent-name": ("string", _agent_name),
    "agent-role": ("token", _agent_role),
    "altid": ("token", lambda value: _alternative(_code(value))),
    "date": ("date", lambda value: true()),
    "entity": ("reference", _entity),
    "entity-type": ("token", _entity_type),
    "outcome": ("token", _outcome),
    "patient": ("reference", _patient),
    "purpose": ("token", _token(AuditEvent.purpose)),
    "site": ("token", _token(AuditEvent.source)),
    "subtype": ("token", _subtype),
    "type": ("token", _type),
}
"""Type and meaning, by name. Dates are read by `_date`, which knows the zone."""


def about(patient: str) -> Condition:
    return _patient(patient)


def confined(name: str, value: str, patient: str, *, zone: tzinfo, base: str) -> Condition:
    """As `condition`, for who sees one patient's part: by whom else a row is about, it is not found either."""
    found = condition(name, value, zone=zone, base=base)
    if name not in ("patient", "entity", "entity-type"):
        return found
    values = [part.removeprefix(f"{base}/").removeprefix("Patient/") for part in split(value, ",")]
    if name != "entity-type" and patient in values:
        return about(patient)
    others = select(AuditedPatient.event_id).where(AuditedPatient.patient != patient)
    return and_(found, col(AuditEvent.id).not_in(others))


def within(constraints: Sequence[tuple[str, frozenset[str]]], *, zone: tzinfo, base: str) -> Condition:
    """What a scope's query (`?type=rest`) leaves. One that we do not understand leaves nothing."""
    try:
        parts = [condition(name, ",".join(sorted(values)), zone=zone, base=base) for name, values in constraints]
    except Refused:
        return false()
    return and_(true(), *parts)


def _date(value: str, zone: tzinfo) -> Condition:
    """https://hl7.org/fhir/R4/search.html#prefix. What is recorded is an instant, so above and within say it all."""
    prefix = value[:2] if value[:2] in _PREFIXES else "eq"
    found = interval(value.removeprefix(prefix) if value[:2] in _PREFIXES else value, zone)
    if found is None:
        raise _refused("value", "a date is not understood")
    at = col(AuditEvent.recorded_at)
    lo, hi = _instant(found.lo), _instant(found.hi)
    if prefix == "ap":
        # A tenth of the way from now, as R4 recommends.
        leeway = abs(datetime.now(UTC) - lo) / 10
        lo, hi = lo - leeway, hi + leeway
    conditions: dict[str, Condition] = {
        "eq": and_(at >= lo, at < hi),
        "ap": and_(at >= lo, at < hi),
        "ne": or_(at < lo, at >= hi),
        "gt": at >= hi,
        "sa": at >= hi,
        "ge": at >= lo,
        "lt": at < lo,
        "eb": at < lo,
        "le": at < hi,
    }
    return conditions[prefix]


_PREFIXES = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"})


def _instant(microseconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if microseconds > 0 else datetime.min.replace(tzinfo=UTC)


def _code(value: str) -> str:
    return unescaped(value.rpartition("|")[2])


def _is(known: tuple[str, ...], value: str) -> bool:
    system, bar, code = value.rpartition("|")
    return code == known[1] and (not bar or system == known[0])


def _shown(name: str) -> str:
    # Names are the caller's to choose: what is no plain word is not repeated.
    return f"'{name}'" if len(name) <= 40 and name.replace("-", "").replace("_", "").isalnum() else "that"


def _refused(code: str, text: str) -> Refused:
    return Refused(400, [Issue(code, text)])
