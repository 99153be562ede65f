"""The programs that may ask, as they are registered at start."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import Session

from bedside.auth.putting import put_if_absent
from bedside.auth.secrets_kept import digest
from bedside.auth.tables import AuthMethod, Client


def active_client(session: Session, client_id: str) -> Client | None:
    client = session.get(Client, client_id)
    return client if client is not None and client.active else None


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
    assertion_to_issuer: bool = False,
) -> Client:
    """Registers the client, or brings a known one up to date. Without a secret and keys it is a public client."""
    # Several processes may start at once and register the same services.
    put_if_absent(session, Client(id=client_id, name=name))
    client = session.get_one(Client, client_id)
    client.name = name
    client.auth_method = auth_method or _method(secret, jwks)
    client.secret_hash = digest(secret) if secret is not None else None
    client.jwks = dict(jwks) if jwks is not None else None
    client.assertion_to_issuer = assertion_to_issuer
    client.grant_types, client.scope = list(grant_types), scope
    client.audiences, client.exchange_audiences = list(audiences), list(exchange_audiences)
    client.redirect_uris = list(redirect_uris)
    client.post_logout_redirect_uris = list(post_logout_redirect_uris)
    client.first_party, client.service = first_party, service
    session.add(client)
    return client


def _method(secret: str | None, jwks: Mapping[str, Any] | None) -> AuthMethod:
    if jwks is not None:
        return "private_key_jwt"
    return "client_secret_basic" if secret is not None else "none"
