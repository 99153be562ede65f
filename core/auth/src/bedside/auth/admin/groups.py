"""Groups: who is in them, and the roles that being in one gives."""

from dataclasses import dataclass, replace
from functools import partial

from sqlmodel import Session, col, func, select
from starlette.responses import Response

from bedside.auth.admin.console import Console, Refusal, Visit
from bedside.auth.admin.paging import address_of_page, page_number, page_of
from bedside.auth.admin.sections import USERS
from bedside.auth.admin.typing_in import typed
from bedside.auth.admin.users import actor
from bedside.auth.directory import (
    add_members,
    create_group,
    delete_group,
    find_group,
    remove_members,
    rename_group,
    roles_of_group,
    set_group_roles,
    user_named,
)
from bedside.auth.tables import Group, GroupMember, User
from bedside.identity.roles import ROLES

PATH = "/admin/groups"
ONE = f"{PATH}/{{group_id}}"


@dataclass(frozen=True)
class _Row:
    group: Group
    roles: list[str]
    members: int


def declare(console: Console) -> None:
    @console.page(PATH, may=USERS)
    def listed(visit: Visit) -> Response:
        found = page_of(visit.session, select(Group).order_by(col(Group.name)), number=page_number(visit.query))
        rows = [
            _Row(group, roles_of_group(visit.session, group), _members_count(visit.session, group))
            for group in found.rows
        ]
        address = partial(address_of_page, PATH, visit.query)
        return visit.shown("groups.html", found=replace(found, rows=rows), address=address)

    @console.act(PATH, may=USERS, fresh=True)
    def create(visit: Visit) -> Response:
        group = create_group(visit.authority, visit.session, actor(visit), typed(visit.form, "name"))
        return visit.done(f"{PATH}/{group.id}", "The group is made. Now give it roles and members.")

    @console.page(ONE, may=USERS)
    def shown(visit: Visit) -> Response:
        group = find_group(visit.session, visit.named["group_id"])
        if group is None:
            return visit.nothing_there()
        members = select(User).join(GroupMember, col(GroupMember.user_id) == User.id)
        members = members.where(GroupMember.group_id == group.id).order_by(col(User.username))
        return visit.shown(
            "group.html",
            group=group,
            held=roles_of_group(visit.session, group),
            roles=sorted(ROLES),
            found=page_of(visit.session, members, number=page_number(visit.query)),
            address=partial(address_of_page, visit.path, visit.query),
        )

    @console.act(f"{ONE}/edit", may=USERS, fresh=True)
    def edit(visit: Visit) -> Response:
        group = find_group(visit.session, visit.named["group_id"])
        if group is None:
            return visit.nothing_there()
        who, name, roles = actor(visit), typed(visit.form, "name"), visit.form.all("roles")
        rename_group(visit.authority, visit.session, who, group, name, external_id=group.external_id)
        set_group_roles(visit.authority, visit.session, who, group, roles)
        return visit.done(f"{PATH}/{group.id}", "Saved. It holds for every member.")

    @console.act(f"{ONE}/members/add", may=USERS, fresh=True)
    def add(visit: Visit) -> Response:
        group = find_group(visit.session, visit.named["group_id"])
        if group is None:
            return visit.nothing_there()
        user = user_named(visit.session, typed(visit.form, "username"))
        if user is None:
            raise Refusal("unknown", "There is nobody with that username.")
        add_members(visit.authority, visit.session, actor(visit), group, [user.id])
        return visit.done(f"{PATH}/{group.id}", "They are in the group.")

    @console.act(f"{ONE}/members/remove", may=USERS, fresh=True)
    def remove(visit: Visit) -> Response:
        group = find_group(visit.session, visit.named["group_id"])
        if group is None:
            return visit.nothing_there()
        remove_members(visit.authority, visit.session, actor(visit), group, [typed(visit.form, "user")])
        return visit.done(f"{PATH}/{group.id}", "They are out of the group, and signed out if it gave them a role.")

    @console.page(f"{ONE}/delete", may=USERS, fresh=True)
    def ask_to_delete(visit: Visit) -> Response:
        group = find_group(visit.session, visit.named["group_id"])
        if group is None:
            return visit.nothing_there()
        return visit.shown(
            "confirm.html",
            title=f"Delete the group {group.name}?",
            text="Its members lose the roles it gives, and are signed out. The people stay.",
            button="Delete",
            danger=True,
            back=f"{PATH}/{group.id}",
        )

    @console.act(f"{ONE}/delete", may=USERS, fresh=True)
    def delete(visit: Visit) -> Response:
        group = find_group(visit.session, visit.named["group_id"])
        if group is None:
            return visit.nothing_there()
        delete_group(visit.authority, visit.session, actor(visit), group)
        return visit.done(PATH, "The group is deleted.")


def _members_count(session: Session, group: Group) -> int:
    return session.exec(select(func.count()).select_from(GroupMember).where(GroupMember.group_id == group.id)).one()
