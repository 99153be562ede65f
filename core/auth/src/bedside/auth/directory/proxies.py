"""Who acts for which patient."""

import re
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, delete, or_, select

from bedside.auth.authority import Authority
from bedside.auth.directory.actor import Actor
from bedside.auth.directory.administering import note
from bedside.auth.directory.following import place_of
from bedside.auth.directory.judging import judged
from bedside.auth.directory.refusing import invalid
from bedside.auth.directory.roles import check_times
from bedside.auth.tables import ProxyGrant, User

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def patients_of(session: Session, user: User, *, now: datetime) -> Sequence[ProxyGrant]:
    """The patients this person may act for now, sorted by id."""
    asked = select(ProxyGrant).where(
        ProxyGrant.user_id == user.id,
        ProxyGrant.since <= now,
        or_(col(ProxyGrant.until).is_(None), col(ProxyGrant.until) > now),
    )
    return session.exec(asked.order_by(col(ProxyGrant.patient))).all()


def grant_proxy(
    authority: Authority,
    session: Session,
    actor: Actor,
    user: User,
    patient: str,
    *,
    until: datetime | None = None,
    consent: str | None = None,
) -> None:
    """`patient` and `consent` are logical ids; the grant ends when that Consent no longer holds.

    For a patient that was merged it is given at the survivor.
    """
    if not _ID.fullmatch(patient) or (consent is not None and not _ID.fullmatch(consent)):
        raise invalid("That is not the id of a record.")
    now = authority.clock.now()
    check_times(now, until, now=now)
    with judged(authority, session, actor, [user.id]):
        place = place_of(session, patient)
        row = session.get(ProxyGrant, (user.id, place)) or ProxyGrant(user_id=user.id, patient=place, since=now)
        row.until, row.consent, row.given_by = until, consent, actor.user_id
        row.merged_from = patient if place != patient else None
        session.add(row)
    note(authority, session, actor, "proxy-granted", entity=f"User/{user.id}", patient=patient)


def withdraw_proxy(authority: Authority, session: Session, actor: Actor, user: User, patient: str) -> None:
    """Safe to repeat."""
    with judged(authority, session, actor, [user.id]):
        session.exec(delete(ProxyGrant).where(col(ProxyGrant.user_id) == user.id, col(ProxyGrant.patient) == patient))
    note(authority, session, actor, "proxy-withdrawn", entity=f"User/{user.id}", patient=patient)
