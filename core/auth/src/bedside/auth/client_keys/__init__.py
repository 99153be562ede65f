"""The public keys of clients: those registered here, and those at addresses of theirs."""

from bedside.auth.client_keys.fetched_keys import FetchedKeys
from bedside.auth.client_keys.public_https import PublicHttps, Unfetched
from bedside.auth.client_keys.public_keys import PublicKey, UnusableKeys, public_keys, registered_keys, without_the_rest

__all__ = [
    "FetchedKeys",
    "PublicHttps",
    "PublicKey",
    "Unfetched",
    "UnusableKeys",
    "public_keys",
    "registered_keys",
    "without_the_rest",
]
