"""Which client is calling. https://www.rfc-editor.org/rfc/rfc6749#section-2.3

Ours rather than Authlib's, which lets two methods and a second client_id pass.
"""

import base64
import binascii
from urllib.parse import unquote_plus

from sqlmodel import Session, select

from bedside.auth.directory import active_client
from bedside.auth.protocol.client_request import ClientRequest
from bedside.auth.refusals import invalid_client, invalid_request
from bedside.auth.secrets_kept import digest, same
from bedside.auth.tables import Client, GrantFamily, RefreshToken

_NOBODYS = digest("the secret of no client")


def authenticated_client(session: Session, request: ClientRequest) -> Client:
    """By secret (basic or post), or, for a public client, by its name. Raises OAuthRefused."""
    named = request.parameters.get("client_id")
    posted = request.parameters.get("client_secret")
    if request.authorization is None:
        return _by_post(session, request, named, posted)
    if posted is not None:
        raise invalid_request("two methods of client authentication")
    client_id, secret = _basic(request.authorization)
    if named not in (None, client_id):
        raise invalid_request("two different client ids")
    return _by_secret(session, client_id, secret)


def _by_post(session: Session, request: ClientRequest, named: str | None, posted: str | None) -> Client:
    if named is not None and posted is not None:
        return _by_secret(session, named, posted)
    client = active_client(session, named) if named is not None else _by_refresh_token(session, request)
    if client is None or not client.public or posted is not None:
        raise invalid_client()
    return client


def _by_secret(session: Session, client_id: str, secret: str) -> Client:
    client = active_client(session, client_id)
    # An unknown client costs the same comparison as a wrong secret.
    expected = client.secret_hash if client is not None and client.secret_hash else _NOBODYS
    if not same(digest(secret), expected) or client is None or client.public:
        raise invalid_client()
    return client


def _by_refresh_token(session: Session, request: ClientRequest) -> Client | None:
    # fhirclient.js refreshes a public client without saying which: its token tells.
    secret = request.parameters.get("refresh_token")
    if secret is None or request.parameters.get("grant_type") != "refresh_token":
        return None
    found = session.exec(
        select(GrantFamily.client_id).where(RefreshToken.id == digest(secret), GrantFamily.id == RefreshToken.family)
    ).first()
    return active_client(session, found) if found else None


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise invalid_client()
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise invalid_client() from error
    client_id, colon, secret = decoded.partition(":")
    if not colon:
        raise invalid_client()
    return unquote_plus(client_id), unquote_plus(secret)
