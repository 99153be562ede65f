"""Setting passwords: by the person, or by a link (an invitation, a reset) that an administrator is shown once."""

from datetime import datetime, timedelta
from typing import Literal

from sqlmodel import Session, col, update

from bedside.auth.authority import Authority
from bedside.auth.directory.actor import Actor
from bedside.auth.directory.administering import note
from bedside.auth.directory.finding import active_user
from bedside.auth.directory.judging import judged
from bedside.auth.directory.people import NO_PASSWORD
from bedside.auth.directory.refusing import invalid, not_permitted
from bedside.auth.revocation import end_grants_of
from bedside.auth.secrets_kept import digest, new_secret
from bedside.auth.tables import PasswordLink, User
from bedside.auth.tables import Session as BrowserSession

LIVES: dict[str, timedelta] = {"invitation": timedelta(days=3), "reset": timedelta(minutes=15)}


def set_password(authority: Authority, session: Session, actor: Actor, user: User, password_hash: str) -> None:
    """Whoever was signed in with the old one is so no longer. The hash is made outside any unit of work."""
    with judged(authority, session, actor, [user.id]):
        _write(authority, session, user, password_hash)
    note(authority, session, actor, "password-set", entity=f"User/{user.id}")


def link_kind(user: User) -> Literal["invitation", "reset"]:
    """Who has no password yet is invited."""
    return "invitation" if user.password_hash == NO_PASSWORD else "reset"


def make_password_link(authority: Authority, session: Session, actor: Actor, user: User) -> str:
    """The secret of the link; links made before are good no longer. Raises DirectoryRefused for who is disabled."""
    if not actor.may_manage:
        raise not_permitted()
    if not user.active:
        raise invalid("They are disabled: enable them first.")
    kind, secret, now = link_kind(user), new_secret(), authority.clock.now()
    end_password_links(session, user, now=now)
    session.add(
        PasswordLink(
            id=digest(secret),
            user_id=user.id,
            kind=kind,
            made_by=actor.user_id,
            made_at=now,
            expires_at=now + LIVES[kind],
        )
    )
    note(authority, session, actor, "password-link-made", entity=f"User/{user.id}", kind=kind)
    return secret


def user_of_link(authority: Authority, session: Session, secret: str | None) -> User | None:
    """Whose password the link sets; None when it was used, is too old, or is none."""
    link = session.get(PasswordLink, digest(secret)) if secret else None
    if link is None or link.used_at is not None or link.expires_at <= authority.clock.now():
        return None
    return active_user(session, link.user_id)


def use_password_link(authority: Authority, session: Session, secret: str, password_hash: str) -> User | None:
    """Sets the password and signs the person out everywhere. None when there is no such link, or not any more.

    Of two who use it at once, one is told so. The hash is made outside any unit of work.
    """
    user = user_of_link(authority, session, secret)
    now = authority.clock.now()
    used = session.exec(
        update(PasswordLink)
        .where(
            col(PasswordLink.id) == digest(secret),
            col(PasswordLink.used_at).is_(None),
            col(PasswordLink.expires_at) > now,
        )
        .values(used_at=now)
    )
    if user is None or used.rowcount != 1:
        return None
    _write(authority, session, user, password_hash)
    note(authority, session, Actor("link", False, user_id=user.id), "password-set", entity=f"User/{user.id}")
    return user


def change_own_password(
    authority: Authority, session: Session, user: User, password_hash: str, *, shown: str, staying: BrowserSession
) -> bool:
    """Signs the person out everywhere else. False when `shown`, the hash they proved to know, is theirs no longer."""
    same = update(User).where(col(User.id) == user.id, col(User.password_hash) == shown)
    if session.exec(same.values(password_hash=password_hash)).rowcount != 1:
        return False
    _write(authority, session, user, password_hash, staying=staying)
    note(authority, session, Actor("account", False, user_id=user.id), "password-set", entity=f"User/{user.id}")
    return True


def end_password_links(session: Session, user: User, *, now: datetime) -> None:
    """Links that were made are good no longer. Safe to repeat."""
    unused = update(PasswordLink).where(col(PasswordLink.user_id) == user.id, col(PasswordLink.used_at).is_(None))
    session.exec(unused.values(used_at=now))


def _write(
    authority: Authority, session: Session, user: User, password_hash: str, *, staying: BrowserSession | None = None
) -> None:
    user.password_hash = password_hash
    session.add(user)
    end_password_links(session, user, now=authority.clock.now())
    end_grants_of(authority, session, [user.id], but=staying)
