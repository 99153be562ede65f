"""Which client is calling. https://www.rfc-editor.org/rfc/rfc6749#section-2.3

Ours rather than Authlib's, which lets two methods and a second client_id pass.
"""

import base64
import binascii
from contextlib import suppress
from urllib.parse import unquote_plus

from sqlmodel import Session, select

from bedside.auth.access_log import Happening, record
from bedside.auth.authority import Authority
from bedside.auth.directory import active_client
from bedside.auth.protocol.client_assertion import assertion, proven_client
from bedside.auth.protocol.client_request import ClientRequest
from bedside.auth.refusals import OAuthRefused, invalid_client, invalid_request
from bedside.auth.secrets_kept import digest, same
from bedside.auth.tables import AuthMethod, Client, GrantFamily, RefreshToken

_ASSERTED = frozenset({"client_assertion", "client_assertion_type"})
_NOBODYS = digest("the secret of no client")


def authenticated_client(authority: Authority, session: Session, request: ClientRequest) -> Client:
    """The active client, proven in the way it is registered for. Raises OAuthRefused, after telling the access log."""
    try:
        return _authenticated(authority, session, request)
    except OAuthRefused as refused:
        if refused.reason is not None:
            record(authority, session, _refusal(session, request, refused.reason))
        raise


def _authenticated(authority: Authority, session: Session, request: ClientRequest) -> Client:
    named = request.parameters.get("client_id")
    posted = request.parameters.get("client_secret")
    if _ASSERTED & set(request.parameters.as_mapping()):
        if request.authorization is not None or posted is not None:
            raise invalid_request("two methods of client authentication")
        return proven_client(authority, session, assertion(request.parameters))
    if request.authorization is None:
        return _by_post(session, request, named, posted)
    if posted is not None:
        raise invalid_request("two methods of client authentication")
    client_id, secret = _basic(request.authorization)
    if named not in (None, client_id):
        raise invalid_request("two different client ids")
    return _by_secret(session, client_id, secret, method="client_secret_basic")


def _by_post(session: Session, request: ClientRequest, named: str | None, posted: str | None) -> Client:
    if named is not None and posted is not None:
        return _by_secret(session, named, posted, method="client_secret_post")
    client = active_client(session, named) if named is not None else _by_refresh_token(session, request)
    if client is None or posted is not None:
        raise invalid_client("unknown-client")
    if not client.public:
        raise invalid_client("no-proof")
    return client


def _by_secret(session: Session, client_id: str, secret: str, *, method: AuthMethod) -> Client:
    client = active_client(session, client_id)
    # An unknown client, and one without secrets, cost the same comparisons as a wrong secret.
    hashes = (client.secret_hash, client.old_secret_hash) if client is not None else (None, None)
    fits = [same(digest(secret), expected or _NOBODYS) and expected is not None for expected in hashes]
    if client is None:
        raise invalid_client("unknown-client")
    if client.auth_method != method:
        raise invalid_client("wrong-method")
    if not any(fits):
        raise invalid_client("wrong-secret")
    return client


def _refusal(session: Session, request: ClientRequest, reason: str) -> Happening:
    """Names the client only if there is one: what was typed may be a secret in the wrong place."""
    named = request.parameters.get("client_id")
    with suppress(OAuthRefused):
        if request.authorization is not None:
            named = _basic(request.authorization)[0]
        elif "client_assertion" in request.parameters:
            named = assertion(request.parameters).client_id
    known = session.get(Client, named) if named is not None else None
    entity = f"Client/{known.id}" if known is not None else None
    return Happening("client-refused", "refused", entity=entity, detail={"reason": reason})


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
        raise invalid_client("malformed-header")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise invalid_client("malformed-header") from error
    client_id, colon, secret = decoded.partition(":")
    if not colon:
        raise invalid_client("malformed-header")
    return unquote_plus(client_id), unquote_plus(secret)
