"""From which network address a request comes, as far as that can be known."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import Request

from bedside.auth.authority import Authority

Network = IPv4Network | IPv6Network
HOPS_MAX = 8
_IPV6_OF_ONE = 64
"""Who has one IPv6 address has all of its last 64 bits."""


def address_of(authority: Authority, request: Request) -> str:
    """By which tries from this network are counted: a keyed hash."""
    return authority.sealing.mark("address", network_of(request, proxies=authority.installation.proxies))


def network_of(request: Request, *, proxies: Sequence[Network]) -> str:
    """The peer; behind a proxy that we were told to trust, whom that one names. `unknown` where there is no peer.

    Anybody can send `X-Forwarded-For`: it is read from the right, as far as trusted proxies wrote it and no further.
    """
    peer = request.client.host if request.client is not None else ""
    named = [part.strip() for line in request.headers.getlist("x-forwarded-for") for part in line.split(",")]
    return _counted_as(_origin(peer, named[-HOPS_MAX:], proxies))


def _origin(peer: str, named: list[str], proxies: Sequence[Network]) -> IPv4Address | IPv6Address | None:
    address = _address(peer)
    while address is not None and _within(address, proxies) and named:
        before = _address(named.pop())
        if before is None:
            break
        address = before
    return address


def _within(address: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _counted_as(address: IPv4Address | IPv6Address | None) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), _IPV6_OF_ONE), strict=False))
    return str(address) if address is not None else "unknown"
