"""People that a demo or a test needs, made if they are not there."""

import uuid
from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session

from bedside.auth.directory.details import folded
from bedside.auth.directory.finding import user_named
from bedside.auth.directory.roles import roles_of
from bedside.auth.tables import User, UserRole


def keep_user(
    session: Session,
    *,
    username: str,
    name: str,
    password_hash: str | None,
    roles: Collection[str],
    now: datetime,
    fhir_user: str | None = None,
    patient: str | None = None,
) -> User:
    """Makes the person, or brings a known one up to date; without a `password_hash` the password stays."""
    user = user_named(session, username)
    if user is None:
        assert password_hash is not None, "a new person needs a password"
        user = User(
            id=str(uuid.uuid4()), username=folded(username), name=name, password_hash=password_hash, created_at=now
        )
    elif password_hash is not None:
        user.password_hash = password_hash
    user.name, user.fhir_user, user.patient = name, fhir_user, patient
    session.add(user)
    session.flush()
    held = roles_of(session, user, now=now)
    session.add_all(UserRole(user_id=user.id, role=role, since=now) for role in roles if role not in held)
    return user
