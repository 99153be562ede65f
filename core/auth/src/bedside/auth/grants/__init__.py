"""The grants of the token endpoint, one file each."""

from bedside.auth.grants.authorization_code import authorization_code
from bedside.auth.grants.client_credentials import client_credentials
from bedside.auth.grants.grant import Asked, Grant
from bedside.auth.grants.refresh_token import refresh_token
from bedside.auth.grants.token_exchange import GRANT_TYPE as TOKEN_EXCHANGE
from bedside.auth.grants.token_exchange import token_exchange

GRANTS: dict[str, Grant] = {
    "authorization_code": authorization_code,
    "refresh_token": refresh_token,
    "client_credentials": client_credentials,
    TOKEN_EXCHANGE: token_exchange,
}

__all__ = ["GRANTS", "Asked", "Grant"]
