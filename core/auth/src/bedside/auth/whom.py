"""Whom a person's apps may be about: anyone they may look for, or those they are or stand for."""

from collections.abc import Collection

from sqlmodel import Session

from bedside.auth.tables import User
from bedside.identity.roles import ceiling


def may_search(roles: Collection[str]) -> bool:
    """Whether these roles look for patients at all."""
    return ceiling(frozenset(roles)).allows("s", "Patient", "user")


def own_patients(session: Session, user: User) -> tuple[str, ...]:
    """Logical ids: the person themselves first."""
    return (user.patient,) if user.patient else ()


def has_a_choice(session: Session, user: User, roles: Collection[str]) -> bool:
    return may_search(roles) or len(own_patients(session, user)) > 1


def only_patient(session: Session, user: User) -> str | None:
    """Whom it is about without anybody being asked."""
    own = own_patients(session, user)
    return own[0] if len(own) == 1 else None
