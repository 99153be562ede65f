"""Groups, and the roles that being in one gives."""

import uuid
from collections.abc import Collection, Sequence

from sqlmodel import Session, col, delete, select

from bedside.auth.authority import Authority
from bedside.auth.directory.actor import Actor
from bedside.auth.directory.administering import note
from bedside.auth.directory.details import NAME_CHARACTERS_MAX, check_text
from bedside.auth.directory.judging import judged
from bedside.auth.directory.refusing import DirectoryRefused, invalid
from bedside.auth.directory.roles import check_roles
from bedside.auth.tables import Group, GroupMember, GroupRole, User

MEMBERS_MAX = 5_000
_NAME_CHARACTERS_MAX = 200


def find_group(session: Session, group_id: str) -> Group | None:
    return session.get(Group, group_id)


def members_of(session: Session, group: Group) -> Sequence[User]:
    """Sorted by username."""
    asked = select(User).join(GroupMember, col(GroupMember.user_id) == User.id).where(GroupMember.group_id == group.id)
    return session.exec(asked.order_by(col(User.username))).all()


def groups_of(session: Session, user: User) -> Sequence[Group]:
    """Sorted by name."""
    asked = select(Group).join(GroupMember, col(GroupMember.group_id) == Group.id)
    return session.exec(asked.where(GroupMember.user_id == user.id).order_by(col(Group.name))).all()


def roles_of_group(session: Session, group: Group) -> list[str]:
    return sorted(session.exec(select(GroupRole.role).where(GroupRole.group_id == group.id)).all())


def create_group(
    authority: Authority, session: Session, actor: Actor, name: str, *, external_id: str | None = None
) -> Group:
    _check(name, external_id)
    with judged(authority, session, actor, []):
        _check_free(session, name)
        group = Group(
            id=str(uuid.uuid4()), name=name.strip(), external_id=external_id, created_at=authority.clock.now()
        )
        session.add(group)
    note(authority, session, actor, "group-created", entity=f"Group/{group.id}")
    return group


def rename_group(
    authority: Authority, session: Session, actor: Actor, group: Group, name: str, *, external_id: str | None
) -> None:
    _check(name, external_id)
    with judged(authority, session, actor, []):
        if name.strip() != group.name:
            _check_free(session, name)
        group.name, group.external_id = name.strip(), external_id
        _touch(authority, session, group)
    note(authority, session, actor, "group-changed", entity=f"Group/{group.id}")


def delete_group(authority: Authority, session: Session, actor: Actor, group: Group) -> None:
    """Its members lose what it gave."""
    with judged(authority, session, actor, _ids(session, group)):
        for table in (GroupMember, GroupRole):
            session.exec(delete(table).where(col(table.group_id) == group.id))
        session.delete(group)
    note(authority, session, actor, "group-deleted", entity=f"Group/{group.id}")


def set_group_roles(authority: Authority, session: Session, actor: Actor, group: Group, roles: Collection[str]) -> None:
    """Exactly these, for all members."""
    check_roles(roles)
    with judged(authority, session, actor, _ids(session, group)):
        session.exec(delete(GroupRole).where(col(GroupRole.group_id) == group.id))
        session.add_all(GroupRole(group_id=group.id, role=role) for role in sorted(set(roles)))
        _touch(authority, session, group)
    note(authority, session, actor, "group-changed", entity=f"Group/{group.id}", roles=" ".join(sorted(set(roles))))


def add_members(authority: Authority, session: Session, actor: Actor, group: Group, user_ids: Collection[str]) -> None:
    """Who is in it already stays so. Raises DirectoryRefused `unknown`, `too-many`."""
    wanted = set(user_ids)
    with judged(authority, session, actor, wanted):
        present = _ids(session, group)
        new = sorted(wanted - present)
        if len(present) + len(new) > MEMBERS_MAX:
            raise DirectoryRefused("too-many", f"A group has {MEMBERS_MAX} members at most.")
        known = select(User.id).where(col(User.id).in_(new), col(User.deleted_at).is_(None))
        if len(session.exec(known).all()) != len(new):
            raise DirectoryRefused("unknown", "One of these people is not known.")
        now = authority.clock.now()
        session.add_all(GroupMember(group_id=group.id, user_id=user_id, since=now) for user_id in new)
        _touch(authority, session, group)
    for user_id in new:
        note(authority, session, actor, "member-added", entity=f"User/{user_id}", group=group.id)


def remove_members(
    authority: Authority, session: Session, actor: Actor, group: Group, user_ids: Collection[str]
) -> None:
    """Who is not in it stays so."""
    with judged(authority, session, actor, user_ids):
        leaving = sorted(_ids(session, group) & set(user_ids))
        session.exec(
            delete(GroupMember).where(col(GroupMember.group_id) == group.id, col(GroupMember.user_id).in_(leaving))
        )
        _touch(authority, session, group)
    for user_id in leaving:
        note(authority, session, actor, "member-removed", entity=f"User/{user_id}", group=group.id)


def _ids(session: Session, group: Group) -> set[str]:
    return set(session.exec(select(GroupMember.user_id).where(GroupMember.group_id == group.id)).all())


def _touch(authority: Authority, session: Session, group: Group) -> None:
    group.version += 1
    group.changed_at = authority.clock.now()
    session.add(group)


def _check_free(session: Session, name: str) -> None:
    if session.exec(select(Group.id).where(Group.name == name.strip())).first() is not None:
        raise DirectoryRefused("group-name-taken", "There is a group of that name already.")


def _check(name: str, external_id: str | None) -> None:
    if not name.strip() or len(name) > _NAME_CHARACTERS_MAX or not name.isprintable():
        raise invalid(f"A group's name has 1 to {_NAME_CHARACTERS_MAX} printable characters.")
    check_text("external id", external_id, NAME_CHARACTERS_MAX)
