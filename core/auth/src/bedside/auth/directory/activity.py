"""Who may act at all."""

from sqlmodel import Session, col, delete

from bedside.auth.authority import Authority
from bedside.auth.directory.actor import Actor
from bedside.auth.directory.administering import note
from bedside.auth.directory.judging import judged
from bedside.auth.directory.passwords import end_password_links
from bedside.auth.directory.roles import roles_of
from bedside.auth.revocation import deactivate_user, end_grants_of
from bedside.auth.tables import Credential, GroupMember, LabelRight, ProxyGrant, User, UserRole


def deactivate(authority: Authority, session: Session, actor: Actor, user: User) -> None:
    """Dead at once: sessions, authorizations and tokens. Safe to repeat."""
    if not user.active:
        return
    with judged(authority, session, actor, [user.id]):
        _end(authority, session, user)
    note(authority, session, actor, "user-deactivated", entity=f"User/{user.id}")


def reactivate(authority: Authority, session: Session, actor: Actor, user: User) -> None:
    """The person may sign in again; nothing that ended comes back."""
    if user.active:
        return
    with judged(authority, session, actor, [user.id]):
        user.active = True
        user.version += 1
        user.changed_at = authority.clock.now()
        session.add(user)
    note(authority, session, actor, "user-reactivated", entity=f"User/{user.id}")


def delete_user(authority: Authority, session: Session, actor: Actor, user: User) -> None:
    """Nothing is left but the id and what the access log says: the id is never another's, the username may be."""
    with judged(authority, session, actor, [user.id]):
        _end(authority, session, user)
        for table in (UserRole, GroupMember, LabelRight, ProxyGrant, Credential):
            session.exec(delete(table).where(col(table.user_id) == user.id))
        user.deleted_at = authority.clock.now()
        # No username holds a line break, so this takes nobody's.
        user.username, user.name, user.password_hash = f"\n{user.id}", "", ""
        user.given_name = user.family_name = user.email = user.external_id = None
        user.fhir_user = user.patient = user.profile = None
        session.add(user)
    note(authority, session, actor, "user-deleted", entity=f"User/{user.id}")


def end_grants(authority: Authority, session: Session, user: User) -> None:
    """Signs the person out everywhere, offline access included. Safe to repeat."""
    end_grants_of(authority, session, [user.id])


def _end(authority: Authority, session: Session, user: User) -> None:
    user.version += 1
    user.changed_at = authority.clock.now()
    end_password_links(session, user, now=user.changed_at)
    deactivate_user(authority, session, user, roles=roles_of(session, user, now=user.changed_at))
