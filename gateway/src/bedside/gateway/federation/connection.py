"""One kept connection to an owner, and one GET on it at a time."""

import asyncio
from collections.abc import Callable

import httptools

HEAD_BYTES_MAX = 64 * 1024
# Bodies up to this size are handed on in one piece; larger ones are streamed.
WHOLE_BYTES_MAX = 256 * 1024
# What waits here for a slow caller before the owner is made to wait too.
WAITING_BYTES_MAX = 256 * 1024
_WITHOUT_BODY = (204, 304)


class Stale(ConnectionError):
    """A kept connection ended before any byte of the answer: asking again on a new one is safe."""


class Connection(asyncio.Protocol):
    """`free` is told once an answer is read to its end. The callbacks `on_…` are those of httptools."""

    def __init__(self, free: Callable[["Connection"], None]) -> None:
        self._free = free
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._failure: Exception | None = None
        self._was_used = False
        self._keeps_alive = True
        self._is_ended = True
        self._lasts_until_close = False
        self.idle_since_s = 0.0

    async def ask(self, request: bytes, timeout_s: float) -> bool:
        """True when the whole answer is here, in `status`, `headers` and `body`; else the body is read by `more`.

        `timeout_s` bounds the whole answer, or its head and then each wait for more. OSError or TimeoutError when
        there is none.
        """
        self.status, self.headers = 0, list[tuple[bytes, bytes]]()
        self._pieces: list[bytes] = []
        self._timeout_s = timeout_s
        self._head_bytes = self._waiting_bytes = 0
        self._is_begun = self._lasts_until_close = self._is_whole = self._is_paused = self._is_ended = False
        if self._transport is None:
            raise Stale
        self._transport.write(request)
        await self._wait()
        return self._is_whole

    @property
    def body(self) -> bytes:
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)

    async def more(self) -> bytes:
        """Empty at the end."""
        while not self._pieces and not self._is_ended:
            await self._wait()
        pieces, self._pieces, self._waiting_bytes = self._pieces, [], 0
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()
        return b"".join(pieces)

    def done(self) -> None:
        """Nobody reads on. Half an answer makes the connection useless."""
        self._was_used = True
        if self._is_ended and self._keeps_alive and self._failure is None:
            self.idle_since_s = self._loop.time()
            self._free(self)
        else:
            self.abort()

    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiting = self._loop.create_future()
        timer = self._loop.call_later(self._timeout_s, self._fail, TimeoutError())
        try:
            await self._waiting
        except BaseException:
            # There is no answer, or whoever asked went away: what may still come belongs to nobody.
            self.abort()
            raise
        finally:
            timer.cancel()
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _fail(self, failure: Exception) -> None:
        self._failure = failure
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(failure)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are registered as no asyncio class.
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as problem:
            self._fail(ConnectionError(type(problem).__name__))
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._lasts_until_close and exc is None:
            self._is_ended, self._keeps_alive = True, False
            self._wake()
        elif not self._is_ended:
            self._fail(Stale() if self._was_used and not self._is_begun else ConnectionResetError("hung up"))

    def on_message_begin(self) -> None:
        if self._is_ended:
            raise ValueError("an answer that nobody asked for")
        self._is_begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_BYTES_MAX:
            raise ValueError("a head without end")
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status < 200:
            self.headers.clear()
            return
        told = dict(self.headers)
        if length := told.get(b"content-length"):
            self._is_whole = int(length) <= WHOLE_BYTES_MAX
        else:
            self._is_whole = self.status in _WITHOUT_BODY
            self._lasts_until_close = not self._is_whole and b"transfer-encoding" not in told
        if not self._is_whole:
            self._wake()

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)
        if self._is_whole:
            return
        self._waiting_bytes += len(body)
        if self._waiting_bytes > WAITING_BYTES_MAX and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        if self.status < 200:
            return
        self._keeps_alive = self._parser.should_keep_alive()
        self._is_ended, self._lasts_until_close = True, False
        self._wake()


class Pieces:
    """The body of an answer that is not collected, as it comes; dropped unread, it takes its connection with it.

    ConnectionError when it does not go on: half an answer is none, whatever kept the rest.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection

    def __aiter__(self) -> "Pieces":
        return self

    async def __anext__(self) -> bytes:
        if self._connection is None:
            raise StopAsyncIteration
        try:
            piece = await self._connection.more()
        except TimeoutError as late:
            raise ConnectionError("the owner did not go on") from late
        if not piece:
            await self.aclose()
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.done()

    def __del__(self) -> None:
        if self._connection is not None:
            self._connection.abort()
