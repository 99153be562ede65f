"""Making and changing people."""

import uuid
from collections.abc import Collection

from sqlmodel import Session, select

from bedside.auth.authority import Authority
from bedside.auth.directory.actor import Actor
from bedside.auth.directory.administering import note
from bedside.auth.directory.details import Details, folded
from bedside.auth.directory.following import place_of
from bedside.auth.directory.judging import judged, take_turn
from bedside.auth.directory.refusing import DirectoryRefused, not_permitted
from bedside.auth.directory.roles import check_roles
from bedside.auth.revocation import tell_created
from bedside.auth.tables import User, UserRole

NO_PASSWORD = ""
"""No hash at all: nobody signs in with it until the person has chosen one by a link."""


def create_user(
    authority: Authority,
    session: Session,
    actor: Actor,
    details: Details,
    *,
    roles: Collection[str] = (),
    password_hash: str = NO_PASSWORD,
    active: bool = True,
) -> User:
    """Always a new id. Raises DirectoryRefused: `username-taken`, `invalid`."""
    details.check()
    check_roles(roles)
    if not actor.may_manage:
        raise not_permitted()
    take_turn(session)
    _check_free(session, details.username)
    now = authority.clock.now()
    user = User(id=str(uuid.uuid4()), username="", name="", password_hash=password_hash, active=active, created_at=now)
    _write(session, user, details)
    session.add(user)
    session.flush()
    session.add_all(
        UserRole(user_id=user.id, role=role, since=now, given_by=actor.user_id) for role in sorted(set(roles))
    )
    note(authority, session, actor, "user-created", entity=f"User/{user.id}", roles=" ".join(sorted(set(roles))))
    tell_created(authority, session, user, roles=sorted(set(roles)))
    return user


def change_user(authority: Authority, session: Session, actor: Actor, user: User, details: Details) -> None:
    """Whole: `replace(details_of(user), name=…)` changes one thing. A link to another record is a right gained."""
    details.check()
    with judged(authority, session, actor, [user.id]):
        if folded(details.username) != user.username:
            _check_free(session, details.username)
        _write(session, user, details)
        user.version += 1
        user.changed_at = authority.clock.now()
        session.add(user)
    note(authority, session, actor, "user-changed", entity=f"User/{user.id}")


def _check_free(session: Session, username: str) -> None:
    if session.exec(select(User.id).where(User.username == folded(username))).first() is not None:
        raise DirectoryRefused("username-taken", "There is somebody with that username already.")


def _write(session: Session, user: User, details: Details) -> None:
    user.username, user.name = folded(details.username), details.name.strip()
    user.given_name, user.family_name = details.given_name, details.family_name
    user.email, user.external_id = details.email, details.external_id
    user.profile = details.profile or None
    if details.fhir_user != user.fhir_user:
        _link(session, user, details)


def _link(session: Session, user: User, details: Details) -> None:
    """A directory that knows of no merge goes on naming the retired record: the account stays at the survivor."""
    user.fhir_user, user.patient, user.merged_from = details.fhir_user, details.patient, None
    if details.patient is not None and (place := place_of(session, details.patient)) != details.patient:
        user.fhir_user, user.patient, user.merged_from = f"Patient/{place}", place, details.patient
