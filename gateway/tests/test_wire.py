"""How long owners are waited for."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from bedside.gateway.federation.wire import Answer, NetworkWire, Streamed

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@asynccontextmanager
async def owner(*pauses_s: float, before_s: float = 0) -> AsyncIterator[str]:
    """Begins after `before_s`, then sends one byte after each pause; its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for pause, part in _told(pauses_s, before_s):
            await asyncio.sleep(pause)
            writer.write(part)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}/"


def _told(pauses_s: Sequence[float], before_s: float) -> list[tuple[float, bytes]]:
    return [(before_s, HEAD), *((pause, b"1\r\nx\r\n") for pause in pauses_s), (0, b"0\r\n\r\n")]


async def got(address: str, *, timeout_s: float) -> bytes:
    wire = NetworkWire()
    try:
        opened = await wire.send("GET", address, [], b"", timeout_s)
        assert isinstance(opened, Streamed | Answer)
        return opened.body if isinstance(opened, Answer) else b"".join([piece async for piece in opened.chunks])
    finally:
        await wire.close()


async def test_a_long_file_may_take_longer_than_any_one_wait() -> None:
    async with owner(0.2, 0.2, 0.2, 0.2) as address:
        assert await got(address, timeout_s=0.5) == b"xxxx"


async def test_a_file_that_does_not_go_on_is_given_up() -> None:
    async with owner(0, 2) as address:
        with pytest.raises(ConnectionError):
            await got(address, timeout_s=0.3)


async def test_an_answer_that_does_not_begin_is_given_up() -> None:
    async with owner(before_s=2) as address:
        with pytest.raises((TimeoutError, ConnectionError)):
            await got(address, timeout_s=0.3)
