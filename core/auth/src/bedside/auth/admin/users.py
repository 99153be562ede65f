"""The list of users, and making one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlmodel import Session, col, func, or_, select
from starlette.responses import Response

from bedside.auth.admin.console import Console, Visit
from bedside.auth.admin.paging import address_of_page, page_number, page_of
from bedside.auth.admin.sections import USERS
from bedside.auth.admin.typing_in import typed
from bedside.auth.directory import Actor
from bedside.auth.directory.standing import standings
from bedside.auth.tables import GroupMember, GroupRole, User, UserRole
from bedside.auth.tables import Session as BrowserSession
from bedside.auth.tables.instant import Instant
from bedside.identity.roles import ROLES

PATH = "/admin/users"
_STATES = {"active": True, "disabled": False}


@dataclass(frozen=True)
class _Row:
    user: User
    roles: list[str]
    seen_at: datetime | None


def declare(console: Console) -> None:
    @console.page(PATH, may=USERS)
    def listed(visit: Visit) -> Response:
        q, role, state = (typed(visit.query, name, characters_max=100) for name in ("q", "role", "state"))
        now = visit.authority.clock.now()
        found = page_of(visit.session, _asked(q, role, state, now), number=page_number(visit.query))
        return visit.shown(
            "users.html",
            found=replace(found, rows=_rows(visit.session, found.rows, now=now)),
            address=partial(address_of_page, PATH, visit.query),
            q=q,
            role=role,
            chosen_state=state,
            roles=sorted(ROLES),
        )


def actor(visit: Visit) -> Actor:
    return Actor("console", USERS in visit.visitor.words, user_id=visit.visitor.user.id)


def _asked(q: str, role: str, state: str, now: datetime) -> Any:
    asked = select(User).where(col(User.deleted_at).is_(None))
    if q:
        asked = asked.where(
            or_(*(col(name).icontains(q, autoescape=True) for name in (User.username, User.name, User.email)))
        )
    if state in _STATES:
        asked = asked.where(col(User.active) == _STATES[state])
    if role:
        asked = asked.where(col(User.id).in_(_holders(role, now)) | col(User.id).in_(_members(role)))
    return asked.order_by(col(User.username))


def _holders(role: str, now: datetime) -> Any:
    held = select(UserRole.user_id).where(UserRole.role == role, UserRole.since <= now)
    return held.where(or_(col(UserRole.until).is_(None), col(UserRole.until) > now))


def _members(role: str) -> Any:
    members = select(GroupMember.user_id).join(GroupRole, col(GroupRole.group_id) == GroupMember.group_id)
    return members.where(GroupRole.role == role)


def _rows(session: Session, users: Sequence[User], *, now: datetime) -> list[_Row]:
    ids = [user.id for user in users]
    held, seen = standings(session, ids, now=now), _seen(session, ids)
    return [_Row(user, held[user.id].roles(now), seen.get(user.id)) for user in users]


def _seen(session: Session, user_ids: Collection[str]) -> dict[str, datetime]:
    newest = func.max(BrowserSession.seen_at, type_=Instant)
    asked = select(BrowserSession.user_id, newest).where(col(BrowserSession.user_id).in_(user_ids))
    return dict(session.exec(asked.group_by(col(BrowserSession.user_id))).all())
