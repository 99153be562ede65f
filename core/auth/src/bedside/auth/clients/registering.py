"""A client's life: registered, changed, given a new secret, disabled. Each step is in the access log.

Who may do so is decided by the callers; what may not be at all is refused here.
"""

import re
import uuid
from dataclasses import dataclass, field
from typing import Literal

from sqlmodel import Session

from bedside.auth.access_log import Happening, record
from bedside.auth.authority import Authority
from bedside.auth.client_keys import without_the_rest
from bedside.auth.clients.metadata import ClientMetadata, bad_metadata
from bedside.auth.putting import put_if_absent
from bedside.auth.refusals import OAuthRefused, invalid_request
from bedside.auth.revocation import disable_client as revoke_client
from bedside.auth.secrets_kept import digest, new_secret
from bedside.auth.tables import Client

_CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-._]{0,63}")
_BY_SECRET = ("client_secret_basic", "client_secret_post")


@dataclass(frozen=True)
class By:
    """Who is doing it: a person, a program for itself (both by their ids), or the bearer of an initial access token."""

    user_id: str | None = None
    client_id: str | None = None
    token: str | None = None
    """As `initial_access.name_of` tells it."""

    @property
    def name(self) -> str:
        if self.token is not None:
            return self.token
        return f"User/{self.user_id}" if self.user_id is not None else f"Client/{self.client_id}"

    def record(
        self,
        authority: Authority,
        session: Session,
        action: str,
        *,
        entity: str | None = None,
        outcome: Literal["success", "refused"] = "success",
        **detail: str,
    ) -> None:
        happening = Happening(
            action,
            outcome,
            user_id=self.user_id,
            client_id=self.client_id,
            entity=entity,
            detail=detail | ({"by": self.token} if self.token else {}),
        )
        record(authority, session, happening)


@dataclass(frozen=True)
class Registered:
    """A client, and what is told of it only now: it is kept by its hash."""

    client: Client
    secret: str | None = field(repr=False)
    """None for a client that has no secret, and where the one it has stays."""


def register_client(
    authority: Authority,
    session: Session,
    metadata: ClientMetadata,
    *,
    by: By,
    client_id: str | None = None,
    registration_token: str | None = None,
) -> Registered:
    """A new client, with a random id unless one is given. Raises OAuthRefused, also for an id that is taken."""
    metadata.check()
    chosen = client_id if client_id is not None else str(uuid.uuid4())
    if not _CLIENT_ID.fullmatch(chosen):
        raise bad_metadata("a client id has at most 64 letters, digits, hyphens, dots and underscores")
    client = Client(
        id=chosen,
        name=metadata.name,
        registered_by=by.name,
        registered_at=authority.clock.now(),
        registration_token_hash=digest(registration_token) if registration_token is not None else None,
    )
    if not put_if_absent(session, client):
        raise bad_metadata("there is a client of this id")
    client = session.get_one(Client, chosen)
    secret = _write(authority, session, client, metadata)
    by.record(authority, session, "client-registered", entity=f"Client/{client.id}", method=client.auth_method)
    return Registered(client, secret)


def update_client(
    authority: Authority, session: Session, client: Client, metadata: ClientMetadata, *, by: By
) -> Registered:
    """Replaces what is registered. A secret is made when the client needs one and has none. Raises OAuthRefused."""
    _refuse_services(client)
    metadata.check()
    before = ClientMetadata.of(client)
    secret = _write(authority, session, client, metadata)
    changed = [name for name, value in vars(metadata).items() if getattr(before, name) != value]
    by.record(authority, session, "client-updated", entity=f"Client/{client.id}", changed=" ".join(sorted(changed)))
    return Registered(client, secret)


def rotate_secret(authority: Authority, session: Session, client: Client, *, by: By) -> str:
    """A new secret, to be shown once. The one until now goes on beside it, until `end_old_secret`."""
    _refuse_services(client)
    if client.auth_method not in _BY_SECRET:
        raise invalid_request("this client has no secret")
    # Two at once would each show a secret, and only one of them would be good.
    session.refresh(client, with_for_update=True)
    client.old_secret_hash = client.secret_hash
    secret = _new_secret(authority, session, client)
    by.record(authority, session, "client-secret-rotated", entity=f"Client/{client.id}")
    return secret


def end_old_secret(authority: Authority, session: Session, client: Client, *, by: By) -> None:
    """Safe to repeat."""
    _refuse_services(client)
    client.old_secret_hash = None
    session.add(client)
    by.record(authority, session, "client-old-secret-ended", entity=f"Client/{client.id}")


def disable_client(authority: Authority, session: Session, client: Client, *, by: By) -> None:
    """It may act no longer, and everything issued to it is refused everywhere. Safe to repeat."""
    _refuse_services(client)
    revoke_client(authority, session, client)
    by.record(authority, session, "client-disabled", entity=f"Client/{client.id}")


def enable_client(authority: Authority, session: Session, client: Client, *, by: By) -> None:
    """It may act again; what had been granted before stays ended."""
    _refuse_services(client)
    client.active = True
    session.add(client)
    by.record(authority, session, "client-enabled", entity=f"Client/{client.id}")


def remove_client(authority: Authority, session: Session, client: Client, *, by: By) -> None:
    """Disabled, and without anything it could prove itself by. The row stays: what it did is in the access log."""
    _refuse_services(client)
    revoke_client(authority, session, client)
    client.secret_hash = client.old_secret_hash = client.registration_token_hash = None
    client.jwks = client.jwks_uri = None
    session.add(client)
    by.record(authority, session, "client-removed", entity=f"Client/{client.id}")


def _write(authority: Authority, session: Session, client: Client, metadata: ClientMetadata) -> str | None:
    client.name, client.auth_method = metadata.name, metadata.auth_method
    client.grant_types, client.scope = list(metadata.grant_types), metadata.scope
    client.redirect_uris = list(metadata.redirect_uris)
    client.post_logout_redirect_uris = list(metadata.post_logout_redirect_uris)
    client.audiences = list(metadata.audiences) or [authority.installation.fhir_base]
    client.exchange_audiences = list(metadata.exchange_audiences)
    client.jwks = without_the_rest(metadata.jwks) if metadata.jwks is not None else None
    client.jwks_uri = metadata.jwks_uri
    client.assertion_to_issuer = metadata.assertion_to_issuer
    client.bound_to_par, client.bound_to_dpop = metadata.bound_to_par, metadata.bound_to_dpop
    client.links, client.first_party = dict(metadata.links), metadata.first_party
    session.add(client)
    if client.auth_method not in _BY_SECRET:
        client.secret_hash = client.old_secret_hash = client.secret_made_at = None
        return None
    return None if client.secret_hash is not None else _new_secret(authority, session, client)


def _new_secret(authority: Authority, session: Session, client: Client) -> str:
    secret = new_secret()
    client.secret_hash, client.secret_made_at = digest(secret), authority.clock.now()
    session.add(client)
    return secret


def _refuse_services(client: Client) -> None:
    if client.service:
        # The platform signs in by it, and every start would bring it back as it was.
        raise OAuthRefused("access_denied", "the services of this installation are not registered by hand", status=403)
