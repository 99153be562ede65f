"""What people hold: everything that decides what they may do."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, col, or_, select

from bedside.auth.tables import Group, GroupMember, GroupRole, LabelRight, ProxyGrant, User, UserRole

_FOREVER = datetime.max.replace(tzinfo=UTC)
_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Right:
    """One thing held, from when until when. `kind` is `role`, `label`, `proxy` or `record`."""

    kind: str
    value: str
    since: datetime = _EVER
    until: datetime = _FOREVER

    def covers(self, other: "Right") -> bool:
        same = (self.kind, self.value) == (other.kind, other.value)
        return same and self.since <= other.since and self.until >= other.until

    def holds(self, now: datetime) -> bool:
        return self.since <= now < self.until


@dataclass(frozen=True)
class Standing:
    """`rights` have not ended; some may not have begun."""

    active: bool
    rights: frozenset[Right]

    def held(self, now: datetime) -> frozenset[tuple[str, str]]:
        return frozenset((right.kind, right.value) for right in self.rights if right.holds(now))

    def roles(self, now: datetime) -> list[str]:
        return sorted(value for kind, value in self.held(now) if kind == "role")


def standings(session: Session, user_ids: Collection[str], *, now: datetime) -> dict[str, Standing]:
    """By user id. Those who do not exist, or no longer do, are left out."""
    wanted = list(user_ids)
    users = session.exec(select(User).where(col(User.id).in_(wanted), col(User.deleted_at).is_(None))).all()
    rights: dict[str, set[Right]] = {user.id: set() for user in users}
    for user_id, right in _rights(session, wanted):
        if user_id in rights and right.until > now:
            rights[user_id].add(right)
    for user in users:
        linked = {user.fhir_user, f"Patient/{user.patient}" if user.patient else None} - {None}
        rights[user.id] |= {Right("record", str(record)) for record in linked}
    return {user.id: Standing(user.active, frozenset(rights[user.id])) for user in users}


def administrators(session: Session, *, now: datetime) -> frozenset[str]:
    """Who is an administrator now and, if nobody changes it, will always be."""
    direct = select(UserRole.user_id).where(
        UserRole.role == "admin", col(UserRole.until).is_(None), UserRole.since <= now
    )
    by_group = select(GroupMember.user_id).join(GroupRole, col(GroupRole.group_id) == GroupMember.group_id)
    held = or_(col(User.id).in_(direct), col(User.id).in_(by_group.where(GroupRole.role == "admin")))
    return frozenset(session.exec(select(User.id).where(held, col(User.active), col(User.deleted_at).is_(None))).all())


def _rights(session: Session, user_ids: list[str]) -> Iterator[tuple[str, Right]]:
    for role in session.exec(select(UserRole).where(col(UserRole.user_id).in_(user_ids))):
        yield role.user_id, Right("role", role.role, role.since, role.until or _FOREVER)
    for user_id, role_name in session.exec(_group_roles(user_ids)):
        yield user_id, Right("role", role_name)
    for label in session.exec(select(LabelRight).where(col(LabelRight.user_id).in_(user_ids))):
        yield label.user_id, Right("label", label.label, label.since, label.until)
    for proxy in session.exec(select(ProxyGrant).where(col(ProxyGrant.user_id).in_(user_ids))):
        yield proxy.user_id, Right("proxy", proxy.patient, proxy.since, proxy.until or _FOREVER)


def _group_roles(user_ids: list[str]) -> Any:
    return (
        select(GroupMember.user_id, GroupRole.role)
        .join(Group, col(Group.id) == GroupMember.group_id)
        .join(GroupRole, col(GroupRole.group_id) == Group.id)
        .where(col(GroupMember.user_id).in_(user_ids))
    )
