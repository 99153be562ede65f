"""How bytes reach an owner. The measured choice: aiohttp without httpx on top of it, and without it for reads."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import httpx
import orjson
from yarl import URL

from bedside.gateway.federation.connection import WHOLE_BYTES_MAX, Pieces
from bedside.gateway.federation.reading_wire import CONNECT_TIMEOUT_S, CONNECTIONS_MAX, KEPT_IDLE_S, Origin, is_plain

__all__ = ["WHOLE_BYTES_MAX", "Answer", "Body", "Headers", "InProcessWire", "NetworkWire", "Streamed", "Unreachable"]

Headers = list[tuple[bytes, bytes]]
Body = bytes | AsyncIterator[bytes]


class Unreachable(Exception):
    """An owner did not answer: down, too slow, or hung up. Trying again later may help.

    `untouched`: the request surely never reached it.
    """

    def __init__(self, service: str, reason: str, *, untouched: bool = False) -> None:
        super().__init__(f"{service} did not answer: {reason}")
        self.service = service
        self.reason = reason
        self.untouched = untouched


@dataclass(frozen=True, slots=True)
class Answer:
    """What an owner said. Header names are lower case, in the order received."""

    status: int
    headers: Headers
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self.headers if key == wanted), None)

    def json(self) -> Any:
        """Decimals become floats: for reading, not for sending on."""
        return orjson.loads(self.body)


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer whose body is still on its way; read it to the end, or close the iterator."""

    status: int
    headers: Headers
    chunks: AsyncIterator[bytes]


class Wire(Protocol):
    """Raises OSError or TimeoutError when there is no answer, ConnectionRefusedError when nobody was there to ask.

    A bad status is an answer.
    """

    async def send(self, method: str, url: str, headers: Headers, body: Body, timeout_s: float) -> Answer | Streamed:
        """A body of unknown or large size comes back as Streamed, any other as Answer.

        `timeout_s` bounds an Answer as a whole; of what is Streamed its beginning, and then each wait for more.
        """
        ...

    async def close(self) -> None: ...


class NetworkWire:
    """Keep-alive connections to the owners. CPU per request, 2.7 KB of JSON: httpx 1,130 µs, httpx-aiohttp 240 µs,
    aiohttp 65 µs; so the other two are not used here. Plain GETs go past aiohttp too.
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._origins: dict[str, Origin] = {}

    async def send(self, method: str, url: str, headers: Headers, body: Body, timeout_s: float) -> Answer | Streamed:
        if method == "GET" and not body and is_plain(url, headers):
            return await self._read(url, headers, timeout_s)
        return await self._exchanged(method, url, headers, body, timeout_s)

    async def _read(self, url: str, headers: Headers, timeout_s: float) -> Answer | Streamed:
        slash = url.index("/", len("http://"))
        address = url[:slash]
        # The addresses are those of the owners, so there are only a few.
        origin = self._origins.get(address) or self._origins.setdefault(address, Origin(address))
        connection, is_whole = await origin.get(url[slash:], headers, timeout_s)
        if not is_whole:
            return Streamed(connection.status, connection.headers, Pieces(connection))
        answer = Answer(connection.status, connection.headers, connection.body)
        connection.done()
        return answer

    async def _exchanged(
        self, method: str, url: str, headers: Headers, body: Body, timeout_s: float
    ) -> Answer | Streamed:
        source = None if isinstance(body, bytes) else _Source(body)
        # No total: a caller may take long over a large file, and the owner waits for them.
        waits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._opened().request(
                    method,
                    URL(url, encoded=True),
                    headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers],
                    data=source.chunks() if source else body or None,
                    allow_redirects=False,
                    timeout=waits,
                )
                received = [(name.lower(), value) for name, value in response.raw_headers]
                if (response.content_length or 0) > WHOLE_BYTES_MAX or b"chunked" in dict(received).get(
                    b"transfer-encoding", b""
                ):
                    return Streamed(response.status, received, _chunks(response))
                content = await response.read()
        except aiohttp.ClientConnectorError as problem:
            raise ConnectionRefusedError(type(problem).__name__) from problem
        except aiohttp.ClientError as problem:
            if source and source.failure:
                raise source.failure from problem
            raise ConnectionError(type(problem).__name__) from problem
        return Answer(response.status, received, content)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, keepalive_timeout=KEPT_IDLE_S),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
        return self._session

    async def close(self) -> None:
        for origin in self._origins.values():
            origin.close()
        if self._session is not None:
            await self._session.close()
            self._session = None


class _Source:
    """A body on its way from the caller. aiohttp reports its failing as the owner's, so the failure is kept here."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self.failure: Exception | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._body:
                yield chunk
        except Exception as failure:
            self.failure = failure
            raise


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.content.iter_chunked(64 * 1024):
            yield chunk
    except aiohttp.ClientError as problem:
        raise ConnectionError(type(problem).__name__) from problem
    finally:
        response.close()


class InProcessWire:
    """Owners that are ASGI apps in this process, by address; an address missing from the mapping is a service down."""

    def __init__(self, apps: Mapping[str, Any]) -> None:
        self.apps = dict(apps)

    async def send(self, method: str, url: str, headers: Headers, body: Body, timeout_s: float) -> Answer | Streamed:
        app = next((app for address, app in self.apps.items() if url.startswith(address + "/")), None)
        if app is None:
            raise ConnectionRefusedError("nobody listens there")
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, timeout=timeout_s) as client:
            content = body if isinstance(body, bytes) else await _joined(body)
            response = await client.request(method, url, headers=_without_length(headers), content=content)
        received = [(name.lower(), value) for name, value in response.headers.raw]
        return Answer(response.status_code, received, response.content)

    async def close(self) -> None:
        self.apps.clear()


def _without_length(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    return [(name, value) for name, value in headers if name != b"content-length"]


async def _joined(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])
