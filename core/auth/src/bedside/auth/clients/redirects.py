"""Which addresses a client may have people sent to. https://www.rfc-editor.org/rfc/rfc9700#section-2.1"""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from bedside.auth.refusals import OAuthRefused

URIS_MAX = 20
URI_CHARACTERS_MAX = 1_000
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
# What RFC 3986 allows, without the star that some servers read as a wildcard.
_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()+,;=%]+")
_HOST = re.compile(r"[a-z0-9]([a-z0-9\-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9\-]*[a-z0-9])?)*|[0-9a-f:]+", re.IGNORECASE)


def check_redirect_uris(uris: Sequence[str]) -> None:
    """https, or http on this very machine (RFC 8252, section 7.3). Raises OAuthRefused invalid_redirect_uri."""
    if len(uris) > URIS_MAX:
        raise _refused(f"at most {URIS_MAX} addresses are registered")
    if len(set(uris)) != len(uris):
        raise _refused("an address appears twice")
    for uri in uris:
        _check(uri)


def is_web_address(uri: str, *, loopback: bool = False) -> bool:
    """An absolute https address without fragment and user; `loopback` allows http to this machine as well."""
    if not 0 < len(uri) <= URI_CHARACTERS_MAX or not _CHARACTERS.fullmatch(uri):
        return False
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not _HOST.fullmatch(host) or port == 0 or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (loopback and parts.scheme == "http" and host in _LOOPBACK)


def _check(uri: str) -> None:
    if "*" in uri:
        raise _refused("redirect URIs have no wildcards")
    if "#" in uri:
        raise _refused("redirect URIs have no fragment")
    if not is_web_address(uri, loopback=True):
        raise _refused("a redirect URI is an https address, or an http address of the loopback interface")
    path = urlsplit(uri).path.lower().replace("%2e", ".")
    # A path that climbs ends elsewhere than where it seems to.
    if "/.." in path or "\\" in path:
        raise _refused("the path of a redirect URI does not climb")


def _refused(description: str) -> OAuthRefused:
    return OAuthRefused("invalid_redirect_uri", description)
