"""What a client is registered with, and what of it makes sense together. Pure.

https://www.rfc-editor.org/rfc/rfc7591#section-2
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from bedside.auth.client_keys import UnusableKeys, public_keys
from bedside.auth.clients.redirects import check_redirect_uris, is_web_address
from bedside.auth.refusals import OAuthRefused
from bedside.auth.tables import AuthMethod, Client
from bedside.identity.exchange import GRANT_TYPE as TOKEN_EXCHANGE
from bedside.identity.scopes import SCOPES_MAX

GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials", TOKEN_EXCHANGE)
AUTH_METHODS: tuple[AuthMethod, ...] = get_args(AuthMethod)
LINKS = ("client_uri", "logo_uri", "policy_uri", "tos_uri")
NAME_CHARACTERS_MAX = 100
AUDIENCES_MAX = 20
SCOPE_CHARACTERS_MAX = 8_000
_AUDIENCE = re.compile(r"https?://[\x21-\x7e]{0,499}[\x21-\x2e\x30-\x7e]")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")


@dataclass(frozen=True, kw_only=True)
class ClientMetadata:
    """`scope` is one string, as OAuth has it; addresses are without a final slash."""

    name: str
    auth_method: AuthMethod = "client_secret_basic"
    grant_types: tuple[str, ...] = ("authorization_code",)
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    scope: str = ""
    audiences: tuple[str, ...] = ()
    exchange_audiences: tuple[str, ...] = ()
    jwks: Mapping[str, Any] | None = None
    jwks_uri: str | None = None
    assertion_to_issuer: bool = False
    bound_to_par: bool = False
    bound_to_dpop: bool = False
    links: Mapping[str, str] = field(default_factory=dict)
    first_party: bool = False

    @classmethod
    def of(cls, client: Client) -> "ClientMetadata":
        """What is registered now, to be changed by `dataclasses.replace`."""
        method = next(method for method in AUTH_METHODS if method == client.auth_method)
        return cls(
            name=client.name,
            auth_method=method,
            grant_types=tuple(client.grant_types),
            redirect_uris=tuple(client.redirect_uris),
            post_logout_redirect_uris=tuple(client.post_logout_redirect_uris),
            scope=client.scope,
            audiences=tuple(client.audiences),
            exchange_audiences=tuple(client.exchange_audiences),
            jwks=client.jwks,
            jwks_uri=client.jwks_uri,
            assertion_to_issuer=client.assertion_to_issuer,
            bound_to_par=client.bound_to_par,
            bound_to_dpop=client.bound_to_dpop,
            links=dict(client.links),
            first_party=client.first_party,
        )

    def check(self) -> None:
        """Raises OAuthRefused invalid_redirect_uri or invalid_client_metadata, for the client's developer."""
        _check_name(self.name)
        _check_grants(self)
        check_redirect_uris(self.redirect_uris)
        check_redirect_uris(self.post_logout_redirect_uris)
        _check_keys(self)
        if self.scope and (len(self.scope) > SCOPE_CHARACTERS_MAX or not _SCOPE.fullmatch(self.scope)):
            raise bad_metadata("scope is no list of scopes, each separated from the next by one space")
        if len(self.scope.split()) > SCOPES_MAX:
            raise bad_metadata(f"at most {SCOPES_MAX} scopes are registered")
        if max(len(self.audiences), len(self.exchange_audiences)) > AUDIENCES_MAX:
            raise bad_metadata(f"at most {AUDIENCES_MAX} audiences are registered")
        if not all(_AUDIENCE.fullmatch(audience) for audience in (*self.audiences, *self.exchange_audiences)):
            raise bad_metadata("an audience is the address of a service, without a final slash")
        if not all(name in LINKS and is_web_address(uri) for name, uri in self.links.items()):
            raise bad_metadata(f"{', '.join(LINKS)} are https addresses")


def bad_metadata(description: str) -> OAuthRefused:
    return OAuthRefused("invalid_client_metadata", description)


def _check_name(name: str) -> None:
    """People are asked to trust this name: it may hold nothing that makes it look like another."""
    if not 0 < len(name) <= NAME_CHARACTERS_MAX or name.strip() != name:
        raise bad_metadata(
            f"client_name is missing, longer than {NAME_CHARACTERS_MAX} characters, or begins with space"
        )
    # Control characters, and those that turn the direction of writing or are not seen.
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for character in name):
        raise bad_metadata("client_name holds invisible characters")


def _check_grants(metadata: ClientMetadata) -> None:
    grants = metadata.grant_types
    if not grants or not set(grants) <= set(GRANT_TYPES) or len(set(grants)) != len(grants):
        raise bad_metadata("grant_types names none, one twice, or one that is not offered")
    if metadata.auth_method not in AUTH_METHODS:
        raise bad_metadata("token_endpoint_auth_method is not offered")
    if metadata.auth_method == "none" and not set(grants) <= {"authorization_code", "refresh_token"}:
        raise bad_metadata("a public client cannot act for itself")
    if "refresh_token" in grants and "authorization_code" not in grants:
        raise bad_metadata("refresh tokens come from authorization codes")
    if "authorization_code" in grants and not metadata.redirect_uris:
        raise OAuthRefused("invalid_redirect_uri", "redirect_uris is missing")
    if "authorization_code" not in grants and metadata.redirect_uris:
        raise bad_metadata("redirect_uris are of use with the authorization_code grant only")


def _check_keys(metadata: ClientMetadata) -> None:
    if metadata.jwks is not None and metadata.jwks_uri is not None:
        raise bad_metadata("jwks and jwks_uri exclude each other")
    if metadata.auth_method == "private_key_jwt" and metadata.jwks is None and metadata.jwks_uri is None:
        raise bad_metadata("private_key_jwt needs jwks or jwks_uri")
    if metadata.jwks_uri is not None and not is_web_address(metadata.jwks_uri):
        raise bad_metadata("jwks_uri is no https address")
    if metadata.jwks is not None:
        try:
            public_keys(metadata.jwks)
        except UnusableKeys as error:
            raise bad_metadata(str(error)) from error
