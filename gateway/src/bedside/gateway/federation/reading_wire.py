"""GETs to an owner over kept connections: the way of every read, so nothing is done here that a read does not need.

httptools parses, as it does in the server. aiohttp was the dearest part of a read.
"""

import asyncio
import re
from urllib.parse import urlsplit

from bedside.gateway.federation.connection import Connection, Stale

CONNECT_TIMEOUT_S = 2.0
# Shorter than a server keeps an idle connection, so that few requests meet one that is just being closed.
KEPT_IDLE_S = 4.0
CONNECTIONS_MAX = 200

Headers = list[tuple[bytes, bytes]]
_PLAIN = re.compile(r"http://[a-z0-9.\-:\[\]]+/[!\"$-~]*")
_ENDS_LINE = re.compile(rb"[\r\n\0]")
# A GET has no body here: a length that the caller wrote would make the owner wait for one.
_OF_BODY = (b"content-length", b"transfer-encoding")


def is_plain(url: str, headers: Headers) -> bool:
    """HTTP without TLS, with nothing that would need quoting or could end a line early."""
    return _PLAIN.fullmatch(url) is not None and not any(_ENDS_LINE.search(value) for _, value in headers)


class Origin:
    """One owner's host and port. Of its idle connections the last one used is the first to be used again."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host, self._port = str(parts.hostname), parts.port or 80
        self._after_target = f" HTTP/1.1\r\nhost: {parts.netloc}\r\n".encode()
        self._idle: list[Connection] = []
        self._room = asyncio.Semaphore(CONNECTIONS_MAX)

    async def get(self, target: str, headers: Headers, timeout_s: float) -> tuple[Connection, bool]:
        """The connection with its answer, and whether that is whole; `done` is to be called on it.

        ConnectionRefusedError when nobody was there to ask, other OSErrors and TimeoutError when nobody answered.
        """
        lines = [b"%b: %b\r\n" % header for header in headers if header[0] not in _OF_BODY]
        request = b"".join((b"GET ", target.encode(), self._after_target, *lines, b"\r\n"))
        async with self._room:
            kept = self._kept()
            if kept is not None:
                try:
                    return kept, await kept.ask(request, timeout_s)
                except Stale:
                    pass  # The owner closed it just now.
            opened = await self._opened()
            return opened, await opened.ask(request, timeout_s)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().abort()

    def _kept(self) -> Connection | None:
        now_s = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open() and now_s - connection.idle_since_s < KEPT_IDLE_S:
                return connection
            connection.abort()
        return None

    async def _opened(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._idle.append), self._host, self._port
                )
        except TimeoutError:
            raise
        except OSError as problem:
            raise ConnectionRefusedError(type(problem).__name__) from problem
        return connection
