"""What the directory knows of records that others keep, and how accounts follow patients that are merged.

An account, or a right to act for a patient, stands at the record that goes on. Which one that is follows from the
record it was given for and all merges that are known: so they may be heard of in any order, and be undone.
"""

from typing import TypeVar

from sqlmodel import Session, col, select

from bedside.auth.authority import Authority
from bedside.auth.directory.actor import Actor
from bedside.auth.directory.administering import note
from bedside.auth.directory.judging import judged, take_turn
from bedside.auth.tables import FollowedRecord, ProxyGrant, User

CHAIN_MAX = 20
Follower = TypeVar("Follower", User, ProxyGrant)


class MergedInCircle(Exception):
    """Records that were each merged into the next, and none goes on, or not within CHAIN_MAX."""


def is_news(session: Session, record: str, version: int) -> bool:
    """Whether nothing as new was acted on; from now on this version was. `record` is as `Patient/p1`."""
    take_turn(session)
    followed = session.get(FollowedRecord, record) or FollowedRecord(record=record, version=0)
    if followed.version >= version:
        return False
    followed.version = version
    session.add(followed)
    session.flush()
    return True


def follow_merge(authority: Authority, session: Session, actor: Actor, patient: str, *, survivor: str | None) -> None:
    """`patient` was merged into `survivor`, or stands for itself again where that is None; logical ids.

    The version must have been news. Raises MergedInCircle.
    """
    stood_at = place_of(session, patient)
    followed = session.get_one(FollowedRecord, f"Patient/{patient}")
    followed.survivor = survivor
    session.add(followed)
    session.flush()
    users = _standing_at(session, User, stood_at, patient)
    grants = _standing_at(session, ProxyGrant, stood_at, patient)
    with judged(authority, session, actor, {user.id for user in users} | {grant.user_id for grant in grants}):
        moved = [user.id for user in users if _move_account(session, user)]
        moved += [grant.user_id for grant in grants if _move_grant(session, grant)]
    for user_id in sorted(set(moved)):
        note(authority, session, actor, "account-repointed", entity=f"User/{user_id}", patient=patient)


def place_of(session: Session, patient: str) -> str:
    """The record that goes on: `patient` itself where it was not merged. Raises MergedInCircle."""
    place = patient
    for _ in range(CHAIN_MAX):
        followed = session.get(FollowedRecord, f"Patient/{place}")
        if followed is None or followed.survivor is None:
            return place
        place = followed.survivor
    raise MergedInCircle


def _standing_at(session: Session, table: type[Follower], place: str, patient: str) -> list[Follower]:
    """Those that this merge may concern: given for `patient`, or brought to where it stood by a merge."""
    asked = select(table).where(table.patient == place)
    if place != patient:
        asked = asked.where(col(table.merged_from).is_not(None))
    return list(session.exec(asked).all())


def _move_account(session: Session, user: User) -> bool:
    """Whether it stands elsewhere now."""
    assert user.patient is not None
    given_for = user.merged_from or user.patient
    place = place_of(session, given_for)
    if place == user.patient:
        return False
    if user.fhir_user == f"Patient/{user.patient}":
        user.fhir_user = f"Patient/{place}"
    user.patient, user.merged_from = place, given_for if place != given_for else None
    session.add(user)
    return True


def _move_grant(session: Session, grant: ProxyGrant) -> bool:
    """Whether it stands elsewhere now. Who may act for both already keeps both, each with its own end."""
    given_for = grant.merged_from or grant.patient
    place = place_of(session, given_for)
    if place == grant.patient or session.get(ProxyGrant, (grant.user_id, place)) is not None:
        return False
    grant.patient, grant.merged_from = place, given_for if place != given_for else None
    session.add(grant)
    session.flush()
    return True
