"""Whom a person's apps may be about: anyone they may look for, or those they are or stand for."""

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session

from bedside.auth.directory import patients_of
from bedside.auth.tables import User
from bedside.identity.roles import ceiling


def may_search(roles: Collection[str]) -> bool:
    """Whether these roles look for patients at all."""
    return ceiling(frozenset(roles)).allows("s", "Patient", "user")


def own_patients(session: Session, user: User, *, now: datetime) -> tuple[str, ...]:
    """Logical ids: the person themselves first, then whom they stand for."""
    granted = (grant.patient for grant in patients_of(session, user, now=now))
    return tuple(dict.fromkeys((*([user.patient] if user.patient else ()), *granted)))


def has_a_choice(session: Session, user: User, roles: Collection[str], *, now: datetime) -> bool:
    return may_search(roles) or len(own_patients(session, user, now=now)) > 1


def is_theirs(session: Session, user: User, roles: Collection[str], patient: str, *, now: datetime) -> bool:
    """Whether an app of this person may still be about that patient; what it sees of whom, services decide."""
    return may_search(roles) or patient in own_patients(session, user, now=now)


def only_patient(session: Session, user: User, *, now: datetime) -> str | None:
    """Whom it is about without anybody being asked."""
    own = own_patients(session, user, now=now)
    return own[0] if len(own) == 1 else None
