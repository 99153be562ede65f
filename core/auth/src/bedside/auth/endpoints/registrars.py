"""Who registers a client, or changes one, told by the token they bring."""

from dataclasses import dataclass

from sqlmodel import Session
from starlette.requests import Request

from bedside.auth.authority import Authority
from bedside.auth.clients import By
from bedside.auth.clients.bounds import Bounds
from bedside.auth.clients.initial_access import is_open, name_of
from bedside.auth.directory import active_client
from bedside.auth.endpoints.bearer import caller
from bedside.auth.secrets_kept import digest, same
from bedside.auth.tables import Client
from bedside.identity import Refused
from bedside.identity.guard import credentials_of

SCOPE = "clients.manage"


@dataclass(frozen=True)
class Registrar:
    by: By
    bounds: Bounds | None
    """None: an administrator, who may register anything."""
    initial_token: str | None = None
    """To be used up by the registration."""


def registrar(authority: Authority, session: Session, request: Request) -> Registrar:
    """Of a new client. Raises identity's Refused."""
    scheme, initial = credentials_of(request.headers.raw)
    if scheme == "bearer" and is_open(authority, session, initial):
        bounds = Bounds.of_an_app(authority.installation.fhir_base)
        return Registrar(By(token=name_of(initial)), bounds, initial)
    known = caller(authority, session, request)
    if not known.holds(SCOPE):
        raise Refused("malformed", error="insufficient_scope")
    alone = known.subject == known.client_id
    return Registrar(By(user_id=None if alone else known.subject, client_id=known.client_id), None)


def registered_client(session: Session, client_id: str, request: Request) -> Client:
    """The client whose registration token this is: nobody else's opens it. Raises identity's Refused."""
    bearer, client = bearer_of(request), active_client(session, client_id)
    expected = client.registration_token_hash if client is not None else None
    if not same(digest(bearer), expected or digest("the token of no client")) or client is None or expected is None:
        raise Refused("absent")
    return client


def bearer_of(request: Request) -> str:
    """Raises identity's Refused."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not bearer.strip():
        raise Refused("absent")
    return bearer.strip()
