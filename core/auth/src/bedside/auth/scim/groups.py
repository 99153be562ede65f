"""A group as a SCIM Group, and back."""

from typing import Any

from scim2_models import InvalidValueException, Meta
from sqlmodel import Session

from bedside.auth.authority import Authority
from bedside.auth.directory import (
    Actor,
    add_members,
    create_group,
    members_of,
    remove_members,
    rename_group,
)
from bedside.auth.scim.shapes import Group as ScimGroup
from bedside.auth.tables import Group


def shown(authority: Authority, session: Session, group: Group) -> Any:
    content = {
        "id": group.id,
        "externalId": group.external_id,
        "displayName": group.name,
        "members": [
            {"value": member.id, "$ref": f"Users/{member.id}", "type": "User"} for member in members_of(session, group)
        ],
    }
    resource = ScimGroup.model_validate({name: value for name, value in content.items() if value not in (None, [])})
    resource.meta = Meta(
        resource_type="Group",
        created=group.created_at,
        last_modified=group.changed_at or group.created_at,
        version=version(group),
    )
    return resource


def version(group: Group) -> str:
    return f'W/"{group.version}"'


def create(authority: Authority, session: Session, actor: Actor, resource: Any) -> Group:
    group = create_group(authority, session, actor, resource.display_name or "", external_id=resource.external_id)
    if members := _members(resource):
        add_members(authority, session, actor, group, members)
    return group


def update(authority: Authority, session: Session, actor: Actor, group: Group, resource: Any) -> None:
    """Only what differs is changed."""
    if (resource.display_name, resource.external_id) != (group.name, group.external_id):
        name = resource.display_name or ""
        rename_group(authority, session, actor, group, name, external_id=resource.external_id)
    members, present = _members(resource), {member.id for member in members_of(session, group)}
    if leaving := present - members:
        remove_members(authority, session, actor, group, leaving)
    if joining := members - present:
        add_members(authority, session, actor, group, joining)


def _members(resource: Any) -> set[str]:
    members = resource.members or []
    if any(not member.value or member.type not in (None, "User") for member in members):
        raise InvalidValueException(detail="A member is a User, named by the value of its id.")
    return {member.value for member in members}
