"""Rights to records with a sensitive label: given by somebody, for a time."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select

from bedside.auth.authority import Authority
from bedside.auth.directory.actor import Actor
from bedside.auth.directory.administering import note
from bedside.auth.directory.judging import judged
from bedside.auth.directory.refusing import invalid
from bedside.auth.directory.roles import check_times
from bedside.auth.tables import LabelRight, User
from bedside.identity import SENSITIVE_LABELS

LABEL_RIGHT_MAX = timedelta(days=366)
"""Longer is not given: whether it is still needed has to be asked again."""


def label_rights_of(session: Session, user: User, *, now: datetime) -> Sequence[LabelRight]:
    """Those that hold now, sorted by label."""
    asked = select(LabelRight).where(LabelRight.user_id == user.id, LabelRight.since <= now, LabelRight.until > now)
    return session.exec(asked.order_by(col(LabelRight.label))).all()


def give_label_right(
    authority: Authority, session: Session, actor: Actor, user: User, label: str, *, until: datetime
) -> None:
    """From now on; a right already held gets this end instead. Nobody gives one to themselves."""
    _check_label(label)
    now = authority.clock.now()
    check_times(now, until, now=now)
    if until > now + LABEL_RIGHT_MAX:
        raise invalid(f"A right to a label lasts {LABEL_RIGHT_MAX.days} days at most.")
    with judged(authority, session, actor, [user.id]):
        row = session.get(LabelRight, (user.id, label)) or LabelRight(
            user_id=user.id, label=label, since=now, until=until
        )
        row.since, row.until, row.given_by = now, until, actor.user_id
        session.add(row)
    note(authority, session, actor, "label-right-given", entity=f"User/{user.id}", label=label)


def withdraw_label_right(authority: Authority, session: Session, actor: Actor, user: User, label: str) -> None:
    """Safe to repeat."""
    _check_label(label)
    with judged(authority, session, actor, [user.id]):
        session.exec(delete(LabelRight).where(col(LabelRight.user_id) == user.id, col(LabelRight.label) == label))
    note(authority, session, actor, "label-right-withdrawn", entity=f"User/{user.id}", label=label)


def _check_label(label: str) -> None:
    if label not in SENSITIVE_LABELS:
        raise invalid(f"There is no such label. The labels are {', '.join(sorted(SENSITIVE_LABELS))}.")
