"""A person as a SCIM User, and back."""

from collections.abc import Mapping
from typing import Any

from scim2_models import InvalidValueException, Meta
from sqlmodel import Session

from bedside.auth.authority import Authority
from bedside.auth.directory import (
    Actor,
    Details,
    change_user,
    create_user,
    deactivate,
    details_of,
    groups_of,
    label_rights_of,
    own_roles_of,
    patients_of,
    reactivate,
    set_password,
    set_roles,
)
from bedside.auth.scim.shapes import WholeUser
from bedside.auth.tables import User

BEDSIDE = "urn:bedside:scim:User"
# What the directory keeps in its own columns and tables, or never shows again.
_OURS = frozenset({"schemas", "id", "externalId", "meta", "userName", "active", "password", "groups"})

# Set once `active` was taken out of the resource, to what it was. That changes nobody's standing, and it is not shown
# until it is told again, or the standing changes.
_UNTOLD = "activeUntold"

Passwords = Mapping[str, str]
"""The hashes of the passwords in this request, made before its unit of work began."""


def shown(authority: Authority, session: Session, user: User) -> Any:
    now = authority.clock.now()
    content = {name: value for name, value in _profile(user).items() if name != _UNTOLD} | {
        "id": user.id,
        "userName": user.username,
        "active": None if _untold(user) else user.active,
        "externalId": user.external_id,
        "groups": [
            {"value": group.id, "$ref": f"Groups/{group.id}", "display": group.name, "type": "direct"}
            for group in groups_of(session, user)
        ],
        "roles": _roles(session, user, authority),
        BEDSIDE: {
            "fhirUser": user.fhir_user,
            "labelRights": [
                {"value": right.label, "until": right.until.isoformat()}
                for right in label_rights_of(session, user, now=now)
            ],
            "proxyFor": [
                {"value": grant.patient, "until": grant.until.isoformat() if grant.until else None}
                for grant in patients_of(session, user, now=now)
            ],
        },
    }
    resource = WholeUser.model_validate({name: value for name, value in content.items() if value not in (None, [])})
    resource.meta = Meta(
        resource_type="User",
        created=user.created_at,
        last_modified=user.changed_at or user.created_at,
        version=version(user),
    )
    return resource


def version(user: User) -> str:
    return f'W/"{user.version}"'


def create(authority: Authority, session: Session, actor: Actor, resource: Any, passwords: Passwords) -> User:
    return create_user(
        authority,
        session,
        actor,
        _details(resource),
        roles=_role_names(resource),
        password_hash=_hash(passwords, resource.password) if resource.password else "",
        active=resource.active is not False,
    )


def update(
    authority: Authority, session: Session, actor: Actor, user: User, resource: Any, passwords: Passwords
) -> None:
    """Only what differs is changed, each by its own verb: a refused one takes the others back."""
    details = _details(resource)
    if resource.active is None:
        details.profile[_UNTOLD] = user.active
    if details != details_of(user):
        change_user(authority, session, actor, user, details)
    set_roles(authority, session, actor, user, _role_names(resource))
    if resource.password:
        set_password(authority, session, actor, user, _hash(passwords, resource.password))
    if resource.active is False:
        deactivate(authority, session, actor, user)
    elif resource.active:
        reactivate(authority, session, actor, user)


def _hash(passwords: Passwords, password: str) -> str:
    if password not in passwords:
        raise InvalidValueException(detail="This password cannot be taken: it is too long, or there are too many.")
    return passwords[password]


def _details(resource: Any) -> Details:
    told = resource.model_dump(mode="json", by_alias=True, exclude_none=True)
    profile = {name: value for name, value in told.items() if name not in _OURS and name != BEDSIDE}
    return Details(
        username=resource.user_name or "",
        name=_name_in(profile, resource.user_name or ""),
        given_name=(profile.get("name") or {}).get("givenName"),
        family_name=(profile.get("name") or {}).get("familyName"),
        email=_address_in(profile),
        external_id=resource.external_id,
        fhir_user=(told.get(BEDSIDE) or {}).get("fhirUser"),
        profile=profile,
    )


def _profile(user: User) -> dict[str, Any]:
    """As it was provisioned, with what was changed here since."""
    profile = dict(user.profile or {})
    if _name_in(profile, user.username) != user.name:
        profile["displayName"] = user.name
    name = dict(profile.get("name") or {})
    name |= {"givenName": user.given_name, "familyName": user.family_name}
    name = {part: value for part, value in name.items() if value is not None}
    profile["name"] = name or None
    if _address_in(profile) != user.email:
        profile["emails"] = [{"value": user.email, "primary": True}] if user.email else None
    return profile


def _untold(user: User) -> bool:
    return (user.profile or {}).get(_UNTOLD) == user.active


def _name_in(profile: Mapping[str, Any], username: str) -> str:
    name = profile.get("name") or {}
    parts = " ".join(part for part in (name.get("givenName"), name.get("familyName")) if part)
    return profile.get("displayName") or name.get("formatted") or parts or username


def _address_in(profile: Mapping[str, Any]) -> str | None:
    """The primary address, else the first."""
    addresses = profile.get("emails") or []
    primary = [address for address in addresses if address.get("primary")]
    return next((address["value"] for address in primary + addresses if address.get("value")), None)


def _roles(session: Session, user: User, authority: Authority) -> list[dict[str, Any]]:
    told = {role.get("value"): role for role in (user.profile or {}).get("roles") or []}
    held = own_roles_of(session, user, now=authority.clock.now())
    return [told.get(row.role) or {"value": row.role} for row in held]


def _role_names(resource: Any) -> list[str]:
    names = [role.value for role in resource.roles or []]
    if any(name is None for name in names):
        raise InvalidValueException(detail="A role needs a value.")
    return sorted(set(names))
