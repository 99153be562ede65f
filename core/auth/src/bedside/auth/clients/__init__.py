"""Registering programs and changing what is registered, for administrators and for programs themselves."""

from bedside.auth.clients.initial_access import (
    INITIAL_TOKEN_LIFE,
    make_initial_access_token,
    withdraw_initial_access_token,
)
from bedside.auth.clients.metadata import ClientMetadata
from bedside.auth.clients.registering import (
    By,
    Registered,
    disable_client,
    enable_client,
    end_old_secret,
    register_client,
    remove_client,
    rotate_secret,
    update_client,
)

__all__ = [
    "INITIAL_TOKEN_LIFE",
    "By",
    "ClientMetadata",
    "Registered",
    "disable_client",
    "enable_client",
    "end_old_secret",
    "make_initial_access_token",
    "register_client",
    "remove_client",
    "rotate_secret",
    "update_client",
    "withdraw_initial_access_token",
]
