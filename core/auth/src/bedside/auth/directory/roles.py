"""Roles: of a person, for a time, and of the groups they are in."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlmodel import Session, col, delete, or_, select

from bedside.auth.authority import Authority
from bedside.auth.directory.actor import Actor
from bedside.auth.directory.administering import note
from bedside.auth.directory.judging import judged
from bedside.auth.directory.refusing import invalid
from bedside.auth.tables import GroupMember, GroupRole, User, UserRole
from bedside.identity.roles import ROLES


def roles_of(session: Session, user: User, *, now: datetime) -> list[str]:
    """The roles held now, by the person or a group they are in, sorted."""
    own = select(UserRole.role).where(
        UserRole.user_id == user.id,
        UserRole.since <= now,
        or_(col(UserRole.until).is_(None), col(UserRole.until) > now),
    )
    by_group = select(GroupRole.role).join(GroupMember, col(GroupMember.group_id) == GroupRole.group_id)
    # One statement: this is asked for every token.
    return sorted(session.scalars(own.union(by_group.where(GroupMember.user_id == user.id))).all())


def own_roles_of(session: Session, user: User, *, now: datetime) -> Sequence[UserRole]:
    """Those given to the person: with from and to, the future ones too; sorted."""
    rows = session.exec(select(UserRole).where(UserRole.user_id == user.id).order_by(col(UserRole.role))).all()
    return [row for row in rows if row.until is None or row.until > now]


def grant_role(
    authority: Authority,
    session: Session,
    actor: Actor,
    user: User,
    role: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> None:
    """From now and without an end where none is given. A role already given gets these times instead."""
    check_roles([role])
    now = authority.clock.now()
    since = since or now
    check_times(since, until, now=now)
    with judged(authority, session, actor, [user.id]):
        row = session.get(UserRole, (user.id, role)) or UserRole(user_id=user.id, role=role, since=since)
        if until is None and row.until is None and row.since <= since:
            # Held already: a later beginning would only take away.
            since = row.since
        row.since, row.until, row.given_by = since, until, actor.user_id
        session.add(row)
    note(authority, session, actor, "role-granted", entity=f"User/{user.id}", role=role)


def withdraw_role(authority: Authority, session: Session, actor: Actor, user: User, role: str) -> None:
    """Safe to repeat. A role that a group gives is withdrawn by leaving the group."""
    check_roles([role])
    with judged(authority, session, actor, [user.id]):
        session.exec(delete(UserRole).where(col(UserRole.user_id) == user.id, col(UserRole.role) == role))
    note(authority, session, actor, "role-withdrawn", entity=f"User/{user.id}", role=role)


def set_roles(authority: Authority, session: Session, actor: Actor, user: User, roles: Collection[str]) -> None:
    """Exactly these: what stays keeps its times."""
    check_roles(roles)
    now = authority.clock.now()
    held = {row.role for row in own_roles_of(session, user, now=now)}
    for role in sorted(set(roles) - held):
        grant_role(authority, session, actor, user, role)
    for role in sorted(held - set(roles)):
        withdraw_role(authority, session, actor, user, role)


def check_roles(roles: Collection[str]) -> None:
    """Raises DirectoryRefused `invalid` for a role that people cannot have."""
    if any(role not in ROLES for role in roles):
        raise invalid(f"There is no such role. The roles are {', '.join(sorted(ROLES))}.")


def check_times(since: datetime, until: datetime | None, *, now: datetime) -> None:
    if until is not None and (until <= since or until <= now):
        raise invalid("It would end before it begins, or has ended already.")
