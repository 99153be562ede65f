"""AuditEvent as it is read and searched: from a query string to a Bundle. Pages are sealed places in the log."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from typing import Any
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import ColumnElement, or_
from sqlmodel import Session

from bedside.auth.access_log.as_fhir import Names, audit_event
from bedside.auth.access_log.looking import PAGE_MAX, Looked, Page, Place, how_many, look
from bedside.auth.access_log.parameters import about, condition, confined, within
from bedside.auth.tables import AuditEvent
from bedside.fhir.outcome import Issue, Refused
from bedside.identity import Caller, Permission

COUNT = 50
PARAMETERS_MAX = 50
_PLACE = re.compile(r"([0-9]{4}-[0-9T:.+\-]{10,40})~([A-Za-z0-9\-]{1,64})")
_SORTS = {"date": True, "_lastUpdated": True, "-date": False, "-_lastUpdated": False}
_FORMATS = frozenset({"json", "application/json", "application/fhir+json", "application/fhir json"})


@dataclass(frozen=True)
class Log:
    """The access log as FHIR. `base` is the public FHIR base, `zone` where a date without one is meant."""

    base: str
    zone: tzinfo

    def read(self, session: Session, caller: Caller, id_: str) -> dict[str, Any] | None:
        """None when there is none, or none that this caller may see. Raises Refused 403."""
        seen = self._seen(caller, "r")
        found = look(session, Looked(also=(*seen, AuditEvent.id == id_)), count=1).rows  # type: ignore[arg-type]
        return audit_event(found[0], Names.of(session, found), only_patient=_only(caller, "r")) if found else None

    def search(self, session: Session, caller: Caller, query: str) -> dict[str, Any]:
        """The Bundle. Raises Refused: 400, or 403."""
        seen = self._seen(caller, "s")
        asked = _asked(query)
        only = _only(caller, "s")
        conditions = [self._condition(name, value, only) for name, value in asked.criteria]
        looked = Looked(also=(*seen, *conditions))
        total = how_many(session, looked) if asked.total else None
        page = Page([], None)
        if asked.count:
            page = look(session, looked, after=asked.after, count=asked.count, oldest_first=asked.oldest_first)
        names = Names.of(session, page.rows)
        entries = [
            {
                "fullUrl": f"{self.base}/AuditEvent/{row.id}",
                "resource": audit_event(row, names, only_patient=only),
                "search": {"mode": "match"},
            }
            for row in page.rows
        ]
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
        if total is not None:
            bundle["total"] = total
        bundle["link"] = self._links(asked, page)
        return bundle | ({"entry": entries} if entries else {})

    def _seen(self, caller: Caller, letter: str) -> tuple[ColumnElement[bool], ...]:
        permissions = caller.permissions(letter, "AuditEvent")
        if not permissions:
            raise Refused(403, [Issue("forbidden", "The token's scopes do not allow this interaction on AuditEvent.")])
        if Permission() in permissions:
            return ()
        return (or_(*(self._permitted(permission) for permission in permissions)),)

    def _permitted(self, permission: Permission) -> ColumnElement[bool]:
        left = within(sorted(permission.constraints, key=lambda each: each[0]), zone=self.zone, base=self.base)
        return left if permission.patient is None else about(permission.patient) & left

    def _condition(self, name: str, value: str, only: str | None) -> ColumnElement[bool]:
        if only is None:
            return condition(name, value, zone=self.zone, base=self.base)
        return confined(name, value, only, zone=self.zone, base=self.base)

    def _links(self, asked: "_Asked", page: Page) -> list[dict[str, str]]:
        links = [{"relation": "self", "url": self._url(asked.repeated)}]
        if page.following is not None:
            place = ("_page", place_written(page.following))
            links.append({"relation": "next", "url": self._url([*asked.repeated_without_page, place])})
        return links

    def _url(self, pairs: Sequence[tuple[str, str]]) -> str:
        return f"{self.base}/AuditEvent{'?' if pairs else ''}{urlencode(pairs)}"


def _only(caller: Caller, letter: str) -> str | None:
    """The patient whose app this is, unless it may see everybody's."""
    permissions = caller.permissions(letter, "AuditEvent")
    return caller.patient if all(permission.patient is not None for permission in permissions) else None


@dataclass(frozen=True)
class _Asked:
    repeated: list[tuple[str, str]]
    criteria: list[tuple[str, str]] = field(default_factory=list)
    count: int = COUNT
    total: bool = False
    oldest_first: bool = False
    after: Place | None = None

    @property
    def repeated_without_page(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self.repeated if name != "_page"]


def _asked(query: str) -> _Asked:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=PARAMETERS_MAX, errors="strict")
    except ValueError as problem:
        raise _refused("the query cannot be read, or is too long") from problem
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise _refused("the query holds a character that no value has")
    asked = _Asked(pairs)
    for name, value in pairs:
        if name == "_count":
            asked = replace(asked, count=_count(value))
        elif name == "_total":
            asked = replace(asked, total=_one_of(name, value, {"none": False, "accurate": True, "estimate": True}))
        elif name == "_summary":
            if _one_of(name, value, {"count": True, "false": False}):
                asked = replace(asked, count=0)
        elif name == "_sort":
            asked = replace(asked, oldest_first=_one_of(name, value, _SORTS))
        elif name == "_page":
            asked = replace(asked, after=_place(value))
        elif name == "_format":
            _one_of(name, value, dict.fromkeys(_FORMATS, True))
        else:
            asked.criteria.append((name, value))
    return asked if asked.count else replace(asked, total=True)


def _count(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise _refused("_count is no number")
    return min(int(value), PAGE_MAX)


def place_written(place: Place) -> str:
    at, id_ = place
    return f"{at.isoformat()}~{id_}"


def place_of(value: str) -> Place | None:
    """None unless `place_written` wrote it."""
    found = _PLACE.fullmatch(value)
    try:
        at = datetime.fromisoformat(found[1]) if found else None
    except ValueError:
        at = None
    return None if found is None or at is None or at.tzinfo is None else (at, found[2])


def _place(value: str) -> Place:
    place = place_of(value)
    if place is None:
        raise _refused("_page is not one of ours")
    return place


def _one_of(name: str, value: str, values: dict[str, bool]) -> bool:
    if value not in values:
        raise _refused(f"{name} is not one of {', '.join(sorted(values))}")
    return values[value]


def _refused(text: str) -> Refused:
    return Refused(400, [Issue("value", text)])
