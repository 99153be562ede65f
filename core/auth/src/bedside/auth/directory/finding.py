"""Finding people."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, or_, select

from bedside.auth.directory.details import folded
from bedside.auth.tables import User

FOUND_MAX = 200


@dataclass(frozen=True)
class Found:
    users: Sequence[User]
    total: int


def user_named(session: Session, username: str) -> User | None:
    """Names are compared without case and surrounding space."""
    return session.exec(select(User).where(User.username == folded(username), col(User.deleted_at).is_(None))).first()


def find_user(session: Session, user_id: str) -> User | None:
    """None for one that was deleted, as for one that never was."""
    user = session.get(User, user_id)
    return user if user is not None and user.deleted_at is None else None


def active_user(session: Session, user_id: str) -> User | None:
    user = find_user(session, user_id)
    return user if user is not None and user.active else None


def find_users(
    session: Session, text: str = "", *, active: bool | None = None, skip: int = 0, count: int = 50
) -> Found:
    """By a part of username, name or e-mail address, whatever its case; sorted by username, 200 at most."""
    asked: list[ColumnElement[bool]] = [col(User.deleted_at).is_(None)]
    if active is not None:
        asked.append(col(User.active) == active)
    if text.strip():
        part = folded(text)
        asked.append(or_(*(func.lower(column).contains(part, autoescape=True) for column in _SEARCHED)))
    total = session.exec(select(func.count()).select_from(User).where(*asked)).one()
    page = select(User).where(*asked).order_by(col(User.username)).offset(max(0, skip)).limit(min(count, FOUND_MAX))
    return Found(session.exec(page).all(), total)


_SEARCHED = (col(User.username), col(User.name), col(User.email))
