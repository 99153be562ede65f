"""Taking second factors away: one by its owner, all of them by an administrator for who has lost them."""

from sqlmodel import Session, col, delete

from bedside.auth.authority import Authority
from bedside.auth.directory.actor import Actor
from bedside.auth.directory.administering import note
from bedside.auth.directory.judging import judged
from bedside.auth.directory.refusing import not_permitted
from bedside.auth.revocation import end_grants_of
from bedside.auth.tables import Credential, User


def remove_factor(
    authority: Authority, session: Session, actor: Actor, user: User, factor: Credential, *, last: bool
) -> None:
    """Without a factor there is nothing to recover from, so the codes go with the last."""
    session.delete(factor)
    if last:
        _delete_all(session, user)
    session.flush()
    note(authority, session, actor, "factor-removed", entity=f"User/{user.id}", kind=factor.kind)


def reset_factors(authority: Authority, session: Session, actor: Actor, user: User) -> None:
    """The person sets up a new one at their next sign-in, and is signed out everywhere until then.

    Raises DirectoryRefused as every change of another's account.
    """
    if not actor.may_manage:
        raise not_permitted()
    with judged(authority, session, actor, [user.id]):
        _delete_all(session, user)
        end_grants_of(authority, session, [user.id])
    note(authority, session, actor, "factors-reset", entity=f"User/{user.id}")


def _delete_all(session: Session, user: User) -> None:
    session.exec(delete(Credential).where(col(Credential.user_id) == user.id))
