"""The rules of the directory, and what follows from a change that keeps them.

Every verb does its change inside `judged`, which compares who held what before and after: so a rule cannot be gone
round by another way to the same end.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from sqlmodel import Session, col, select, update

from bedside.auth.authority import Authority
from bedside.auth.directory.actor import Actor
from bedside.auth.directory.refusing import last_administrator, not_permitted, self_promotion
from bedside.auth.directory.standing import Standing, administrators, standings
from bedside.auth.revocation import end_grants_of, refuse_issued_before
from bedside.auth.tables import DirectoryTurn, User


@contextmanager
def judged(authority: Authority, session: Session, actor: Actor, people: Collection[str]) -> Iterator[None]:
    """What is done inside may concern these people (user ids) and no others.

    Raises DirectoryRefused: the unit of work is then to be given up, as `administering` does. Tokens that say what is
    no longer so are refused, and who lost something signs in anew.
    """
    if not actor.may_manage:
        raise not_permitted()
    take_turn(session)
    now = authority.clock.now()
    before = standings(session, people, now=now)
    administered_by = administrators(session, now=now)
    yield
    session.flush()
    after = standings(session, people, now=now)
    if _promoted(actor, before, after):
        raise self_promotion()
    if administered_by and not administrators(session, now=now):
        raise last_administrator()
    _follow(authority, session, before, after, now=now)


def take_turn(session: Session) -> None:
    """Whoever else changes the directory waits until this unit of work is over. Safe to repeat within one."""
    # SQLite has one writer anyway; there the clause is left out.
    session.exec(select(DirectoryTurn).where(DirectoryTurn.id == 1).with_for_update()).one()


def _promoted(actor: Actor, before: Mapping[str, Standing], after: Mapping[str, Standing]) -> bool:
    mine = actor.user_id
    if mine is None or mine not in after:
        return False
    had = before[mine].rights if mine in before else frozenset()
    return any(not any(right.covers(gained) for right in had) for gained in after[mine].rights)


def _follow(
    authority: Authority,
    session: Session,
    before: Mapping[str, Standing],
    after: Mapping[str, Standing],
    *,
    now: datetime,
) -> None:
    known = before.keys() & after.keys()
    stale = {name for name in known if before[name].held(now) != after[name].held(now)}
    if not stale:
        return
    session.exec(update(User).where(col(User.id).in_(stale)).values(version=User.version + 1, changed_at=now))
    acting = {name for name in stale if after[name].active}
    refuse_issued_before(authority, session, {name: after[name].roles(now) for name in acting})
    losing = {name for name in acting if before[name].held(now) - after[name].held(now)}
    end_grants_of(authority, session, losing)
