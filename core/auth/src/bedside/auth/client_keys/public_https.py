"""Fetching what a stranger named, without letting them look around in our network.

https only; every address that the name stands for must be a public one, and the connection goes to the very
address that was checked, since a second look-up might say something else. Nothing is followed, and all of it
together has a bound in time and size. https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property

import anyio
import httpx
from anyio import getaddrinfo

TIMEOUT_S = 3.0
BYTES_MAX = 64 * 1024
_ADDRESSES_TRIED_MAX = 2

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Address = tuple[str, int]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Unfetched(Exception):
    """Why nothing was got: a word for logs. Whoever named the address is not told, or they could map our network."""


async def resolved(host: str, port: int) -> Sequence[str]:
    return [str(found[4][0]) for found in await getaddrinfo(host, port, type=1)]


class PublicHttps:
    """What is given here is for tests: a name service, the way to a public address, and whom to trust there."""

    def __init__(
        self,
        resolve: Resolve = resolved,
        way_to: Callable[[Address], Address] = lambda address: address,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._resolve = resolve
        self._way_to = way_to
        self._given_trust = trust

    async def fetch(self, uri: str) -> bytes:
        """The body of a 200. Raises Unfetched, after three seconds at the latest."""
        try:
            with anyio.fail_after(TIMEOUT_S):
                return await self._fetch(httpx.URL(uri))
        except TimeoutError as error:
            raise Unfetched("too-slow") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise Unfetched("no-answer") from error

    async def _fetch(self, url: httpx.URL) -> bytes:
        if url.scheme != "https" or url.userinfo:
            raise Unfetched("not-https")
        port = url.port or 443
        addresses = await self._resolve(url.raw_host.decode(), port)
        if not addresses or not all(is_public(address) for address in addresses):
            raise Unfetched("not-public")
        for address in addresses[: _ADDRESSES_TRIED_MAX - 1]:
            try:
                return await self._read(url, self._way_to((address, port)))
            except httpx.ConnectError:
                continue
        return await self._read(url, self._way_to((addresses[-1], port)))

    async def _read(self, url: httpx.URL, to: Address) -> bytes:
        # Proxies and certificates of the environment are for calls that we thought of.
        async with httpx.AsyncClient(verify=self._trust, trust_env=False, timeout=TIMEOUT_S) as http:
            request = http.build_request(
                "GET",
                url.copy_with(host=to[0], port=to[1]),
                headers={"Host": url.netloc.decode(), "Accept": "application/json", "Accept-Encoding": "identity"},
                # The certificate is checked against the name, whatever the address.
                extensions={"sni_hostname": url.raw_host.decode()},
            )
            answer = await http.send(request, stream=True, follow_redirects=False)
            try:
                return await _bounded_body(answer)
            finally:
                await answer.aclose()

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return self._given_trust or ssl.create_default_context()


async def _bounded_body(answer: httpx.Response) -> bytes:
    if answer.status_code != 200:
        raise Unfetched("redirect" if answer.is_redirect else "no-answer")
    body = b""
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > BYTES_MAX:
            raise Unfetched("too-large")
    return body


def is_public(address: str) -> bool:
    """Whether the address, and the IPv4 address that an IPv6 one may stand for, belongs to the public internet."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if not ip.is_global or ip.is_multicast or ip.is_reserved or ip.is_unspecified:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return True
    return all(is_public(str(inner)) for inner in _standing_for(ip))


def _standing_for(ip: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    inner = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if ip in _NAT64:
        inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return [address for address in inner if address is not None]
