"""A program acts for itself. https://www.rfc-editor.org/rfc/rfc6749#section-4.4"""

from typing import Any

from bedside.auth.granting import granted_to_client
from bedside.auth.grants.grant import Asked
from bedside.auth.minting import access_token
from bedside.auth.refusals import OAuthRefused, invalid_scope, invalid_target
from bedside.identity.scopes import Scopes


def client_credentials(asked: Asked) -> dict[str, Any]:
    """The audience is `resource` (RFC 8707) if the client is registered for it, else the client's first."""
    client = asked.client
    if client.public:
        raise OAuthRefused("unauthorized_client", "a public client cannot act for itself")
    granted = granted_to_client(Scopes.parse(asked.parameters.get("scope") or ""), client=Scopes.parse(client.scope))
    if not granted:
        raise invalid_scope("no scope was asked for that this client is registered for")
    token = access_token(
        asked.authority,
        subject=client.id,
        client_id=client.id,
        audience=_audience(asked),
        scopes=granted,
        key=asked.key,
        claims={"roles": ["service"] if client.service else None},
    )
    return token.answer()


def _audience(asked: Asked) -> str:
    resource = asked.parameters.get("resource")
    if resource is None:
        if not asked.client.audiences:
            raise invalid_target("this client is registered for no resource")
        return asked.client.audiences[0]
    if resource.rstrip("/") not in asked.client.audiences:
        raise invalid_target("this client is not registered for that resource")
    return resource.rstrip("/")
