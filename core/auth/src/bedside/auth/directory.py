"""People, their roles and their clients, and what follows when one of them changes."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, or_, select

from bedside.auth.putting import put_if_absent
from bedside.auth.secrets_kept import digest
from bedside.auth.tables import AuthMethod, Client, User, UserRole


def user_named(session: Session, username: str) -> User | None:
    """Names are compared without case and surrounding space."""
    return session.exec(select(User).where(User.username == folded(username))).first()


def folded(username: str) -> str:
    return username.strip().casefold()


def roles_of(session: Session, user: User, *, now: datetime) -> list[str]:
    """The roles held now, sorted."""
    held = session.exec(
        select(UserRole.role).where(
            UserRole.user_id == user.id,
            UserRole.since <= now,
            or_(col(UserRole.until).is_(None), col(UserRole.until) > now),
        )
    ).all()
    return sorted(held)


def active_client(session: Session, client_id: str) -> Client | None:
    client = session.get(Client, client_id)
    return client if client is not None and client.active else None


def active_user(session: Session, user_id: str) -> User | None:
    user = session.get(User, user_id)
    return user if user is not None and user.active else None


def keep_user(
    session: Session,
    *,
    username: str,
    name: str,
    password_hash: str | None,
    roles: Collection[str],
    now: datetime,
    fhir_user: str | None = None,
    patient: str | None = None,
) -> User:
    """Makes the person, or brings a known one up to date; without a `password_hash` the password stays."""
    user = user_named(session, username)
    if user is None:
        assert password_hash is not None, "a new person needs a password"
        user = User(
            id=str(uuid.uuid4()), username=folded(username), name=name, password_hash=password_hash, created_at=now
        )
    elif password_hash is not None:
        user.password_hash = password_hash
    user.name, user.fhir_user, user.patient = name, fhir_user, patient
    session.add(user)
    session.flush()
    held = roles_of(session, user, now=now)
    session.add_all(UserRole(user_id=user.id, role=role, since=now) for role in roles if role not in held)
    return user


def keep_client(
    session: Session,
    client_id: str,
    *,
    name: str,
    secret: str | None = None,
    grant_types: Sequence[str],
    scope: str,
    audiences: Sequence[str],
    exchange_audiences: Sequence[str] = (),
    redirect_uris: Sequence[str] = (),
    post_logout_redirect_uris: Sequence[str] = (),
    first_party: bool = False,
    service: bool = False,
    auth_method: AuthMethod | None = None,
    jwks: Mapping[str, Any] | None = None,
) -> Client:
    """Registers the client, or brings a known one up to date. Without a secret and keys it is a public client."""
    # Several processes may start at once and register the same services.
    put_if_absent(session, Client(id=client_id, name=name))
    client = session.get_one(Client, client_id)
    client.name = name
    client.auth_method = auth_method or ("client_secret_basic" if secret is not None else "none")
    client.secret_hash = digest(secret) if secret is not None else None
    client.jwks = dict(jwks) if jwks is not None else None
    client.grant_types, client.scope = list(grant_types), scope
    client.audiences, client.exchange_audiences = list(audiences), list(exchange_audiences)
    client.redirect_uris = list(redirect_uris)
    client.post_logout_redirect_uris = list(post_logout_redirect_uris)
    client.first_party, client.service = first_party, service
    session.add(client)
    return client
