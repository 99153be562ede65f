"""Which emergency accesses stand, and what services are told of them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from bedside.auth.tables import Client, Glass, GrantFamily
from bedside.identity import BrokenGlass, Verified
from bedside.identity.emergency import PERMISSION, STANDING_MAX
from bedside.identity.roles import permissions


def standing_for(session: Session, user_id: str, *, now: datetime) -> Sequence[Glass]:
    """The oldest first."""
    stands = select(Glass).where(*_stands(user_id, now)).order_by(col(Glass.began_at), col(Glass.id))
    return session.exec(stands.limit(STANDING_MAX)).all()


def told_to_services(session: Session, token: Verified, *, now: datetime) -> tuple[BrokenGlass, ...]:
    """What a token that is exchanged for this one says, at the moment.

    Nothing for an app that may not break the glass either.
    """
    if token.subject == token.client_id:
        return ()
    standing = standing_for(session, token.subject, now=now)
    if not standing or not may_break(session, token):
        return ()
    return tuple(BrokenGlass(glass.id, glass.patient, glass.until) for glass in standing)


def may_break(session: Session, token: Verified) -> bool:
    """Whether the app may: it is this house's, and its person is there."""
    family = session.get(GrantFamily, token.session_id)
    client = session.get(Client, token.client_id)
    if family is None or client is None or family.user_id != token.subject or family.ended_at is not None:
        return False
    # What acts while its person is away, or is somebody else's program, cannot have met an emergency.
    return client.first_party and "offline_access" not in family.scope.split()


def permitted(roles: Sequence[str]) -> bool:
    return PERMISSION in permissions(roles)


def _stands(user_id: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (col(Glass.user_id) == user_id, col(Glass.ended_at).is_(None), col(Glass.until) > now)
