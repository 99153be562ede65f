"""A client's registration as JSON. https://www.rfc-editor.org/rfc/rfc7591#section-2

Ours beside the standard's members: `audiences`, `exchange_audiences`, `assertion_to_issuer`.
"""

import json
from collections.abc import Mapping
from typing import Any

from bedside.auth.clients.metadata import AUTH_METHODS, LINKS, ClientMetadata, bad_metadata
from bedside.auth.tables import Client

_LIST_MAX = 50
# As RFC 9126 and RFC 9449 name them.
_FLAGS = {
    "bound_to_par": "require_pushed_authorization_requests",
    "bound_to_dpop": "dpop_bound_access_tokens",
    "assertion_to_issuer": "assertion_to_issuer",
}


def parsed(body: bytes) -> Mapping[str, Any]:
    """Raises OAuthRefused invalid_client_metadata."""
    try:
        document = json.loads(body, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise bad_metadata("the body is not JSON without repeated names") from error
    if not isinstance(document, dict):
        raise bad_metadata("the body is no JSON object")
    return document


def metadata_of(document: Mapping[str, Any]) -> ClientMetadata:
    """Read, not yet checked. Members that are not known are passed over, as RFC 7591 says. Raises OAuthRefused."""
    name = _text(document, "token_endpoint_auth_method") or "client_secret_basic"
    method = next((method for method in AUTH_METHODS if method == name), None)
    if method is None:
        raise bad_metadata("token_endpoint_auth_method is not offered")
    if _texts(document, "response_types", ("code",)) not in (("code",), ()):
        raise bad_metadata("the only response type is code")
    links = {link: _text(document, link) for link in LINKS}
    jwks = document.get("jwks")
    if jwks is not None and not isinstance(jwks, dict):
        raise bad_metadata("jwks is no JSON object")
    return ClientMetadata(
        name=_text(document, "client_name") or "",
        auth_method=method,
        grant_types=_texts(document, "grant_types", ("authorization_code",)),
        redirect_uris=_texts(document, "redirect_uris"),
        post_logout_redirect_uris=_texts(document, "post_logout_redirect_uris"),
        scope=_text(document, "scope") or "",
        audiences=_texts(document, "audiences"),
        exchange_audiences=_texts(document, "exchange_audiences"),
        jwks=jwks,
        jwks_uri=_text(document, "jwks_uri"),
        links={link: uri for link, uri in links.items() if uri is not None},
        **{field: _flag(document, name) for field, name in _FLAGS.items()},
    )


def document_of(client: Client) -> dict[str, Any]:
    """What is registered; of secrets nothing, they are not kept."""
    document: dict[str, Any] = {
        "client_id": client.id,
        "client_id_issued_at": int(client.registered_at.timestamp()) if client.registered_at else None,
        "client_name": client.name,
        "token_endpoint_auth_method": client.auth_method,
        "grant_types": client.grant_types,
        "response_types": ["code"] if "authorization_code" in client.grant_types else [],
        "redirect_uris": client.redirect_uris,
        "post_logout_redirect_uris": client.post_logout_redirect_uris,
        "scope": client.scope,
        "audiences": client.audiences,
        "exchange_audiences": client.exchange_audiences,
        "jwks": client.jwks,
        "jwks_uri": client.jwks_uri,
        **client.links,
        **{name: getattr(client, field) for field, name in _FLAGS.items()},
    }
    return {name: value for name, value in document.items() if value is not None}


def _text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and (not isinstance(value, str) or "\x00" in value):
        raise bad_metadata(f"{name} is no text")
    return value


def _texts(document: Mapping[str, Any], name: str, without: tuple[str, ...] = ()) -> tuple[str, ...]:
    value = document.get(name)
    if value is None:
        return without
    if not isinstance(value, list) or len(value) > _LIST_MAX or not all(isinstance(each, str) for each in value):
        raise bad_metadata(f"{name} is no list of texts, or too long a one")
    return tuple(value)


def _flag(document: Mapping[str, Any], name: str) -> bool:
    value = document.get(name, False)
    if not isinstance(value, bool):
        raise bad_metadata(f"{name} is neither true nor false")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name appears twice")
    return names
