"""Reads over kept connections, against servers that answer well, badly, late or not at all."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bedside.gateway.federation.connection import WHOLE_BYTES_MAX
from bedside.gateway.federation.wire import Answer, NetworkWire, Streamed

Writer, Reader = asyncio.StreamWriter, asyncio.StreamReader
Answering = Callable[[bytes, Writer], Awaitable[None]]
WELL = b'HTTP/1.1 200 OK\r\nETag: W/"1"\r\nContent-Length: 2\r\n\r\n{}'


class Server:
    """Answers each request as it is told to; knows what it was asked on which connection."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self.asked: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def __call__(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.asked.append(head)
                await self._answering(head, writer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(answering: Answering) -> AsyncIterator[tuple[Server, NetworkWire]]:
    server, wire = Server(answering), NetworkWire()
    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server, wire
    finally:
        await wire.close()
        listening.close()


def always(answer: bytes, *, then_closes: bool = False) -> Answering:
    async def answering(_: bytes, writer: Writer) -> None:
        writer.write(answer)
        if then_closes:
            writer.close()

    return answering


async def _whole(answer: Answer | Streamed) -> tuple[int, bytes]:
    if isinstance(answer, Answer):
        return answer.status, answer.body
    return answer.status, b"".join([chunk async for chunk in answer.chunks])


async def test_reads_one_after_the_other_share_a_connection() -> None:
    async with serving(always(WELL)) as (server, wire):
        for _ in range(3):
            answer = await wire.send("GET", f"{server.url}/fhir/Patient/p1", [(b"accept", b"*/*")], b"", 5)
            assert answer == Answer(200, [(b"etag", b'W/"1"'), (b"content-length", b"2")], b"{}")
        host = server.url.removeprefix("http://").encode()
        assert server.asked == [b"GET /fhir/Patient/p1 HTTP/1.1\r\nhost: %b\r\naccept: */*\r\n\r\n" % host] * 3
        assert server.connections == 1


async def test_reads_at_once_have_a_connection_each() -> None:
    async with serving(always(WELL)) as (server, wire):
        answers = await asyncio.gather(*(wire.send("GET", f"{server.url}/{n}", [], b"", 5) for n in range(20)))
        assert {answer.status for answer in answers} == {200}
        assert len(server.asked) == 20


@pytest.mark.parametrize(
    ("sent", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b'HTTP/1.1 304 Not Modified\r\nETag: W/"1"\r\n\r\n', 304, b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 200, b"abc"),
        (
            b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx",
            404,
            b"x",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 600000\r\n\r\n" + b"y" * 600_000, 200, b"y" * 600_000),
    ],
    ids=["no content", "not modified", "empty", "chunked", "after early hints", "large"],
)
async def test_every_shape_of_answer_is_read_to_its_end_and_the_connection_kept(
    sent: bytes, status: int, body: bytes
) -> None:
    async with serving(always(sent)) as (server, wire):
        for _ in range(2):
            answer = await wire.send("GET", f"{server.url}/", [], b"", 5)
            assert await _whole(answer) == (status, body)
        assert server.connections == 1


async def test_a_large_answer_waits_at_the_owner_while_the_caller_is_slow() -> None:
    written = 0
    size = 64 * WHOLE_BYTES_MAX

    async def answering(_: bytes, writer: Writer) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(64):
            writer.write(b"z" * WHOLE_BYTES_MAX)
            await writer.drain()
            written += WHOLE_BYTES_MAX

    async with serving(answering) as (server, wire):
        answer = await wire.send("GET", f"{server.url}/", [], b"", 5)
        await asyncio.sleep(0.3)
        assert written < size
        assert len((await _whole(answer))[1]) == size


async def test_an_answer_that_says_close_is_followed_by_a_new_connection() -> None:
    sent = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    async with serving(always(sent, then_closes=True)) as (server, wire):
        for _ in range(2):
            assert (await wire.send("GET", f"{server.url}/", [], b"", 5)).status == 200
        assert server.connections == 2


async def test_an_answer_of_no_told_length_lasts_until_the_owner_closes() -> None:
    async with serving(always(b"HTTP/1.1 200 OK\r\n\r\nabc", then_closes=True)) as (server, wire):
        for _ in range(2):
            assert await _whole(await wire.send("GET", f"{server.url}/", [], b"", 5)) == (200, b"abc")
        assert server.connections == 2


async def test_a_kept_connection_that_the_owner_closes_unanswered_is_replaced() -> None:
    async def answering(_: bytes, writer: Writer) -> None:
        if len(server.asked) == 2:
            writer.close()
        else:
            writer.write(WELL)

    async with serving(answering) as (server, wire):
        for _ in range(2):
            assert (await wire.send("GET", f"{server.url}/", [], b"", 5)).status == 200
        assert (server.connections, len(server.asked)) == (2, 3)


@pytest.mark.parametrize(
    "sent",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"SSH-2.0-x\r\n\r\n"],
    ids=["nothing", "half a head", "half a body", "not HTTP"],
)
async def test_an_answer_cut_short_is_an_error_and_asked_for_once(sent: bytes) -> None:
    async with serving(always(sent, then_closes=True)) as (server, wire):
        with pytest.raises(ConnectionError):
            await wire.send("GET", f"{server.url}/", [], b"", 5)
        assert len(server.asked) == 1


async def test_a_streamed_answer_cut_short_is_an_error_and_not_an_end() -> None:
    sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"
    async with serving(always(sent, then_closes=True)) as (server, wire):
        answer = await wire.send("GET", f"{server.url}/", [], b"", 5)
        with pytest.raises(ConnectionError):
            await _whole(answer)


async def test_a_head_without_end_is_an_error() -> None:
    async with serving(always(b"HTTP/1.1 200 OK\r\n" + b"a: %b\r\n" % (b"b" * 1000) * 100)) as (server, wire):
        with pytest.raises(ConnectionError):
            await wire.send("GET", f"{server.url}/", [], b"", 5)


async def test_an_answer_too_late_is_a_timeout_and_never_the_next_callers() -> None:
    async def answering(head: bytes, writer: Writer) -> None:
        if head.startswith(b"GET /slow"):
            await asyncio.sleep(0.2)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(head), head))

    async with serving(answering) as (server, wire):
        assert (await wire.send("GET", f"{server.url}/quick", [], b"", 5)).status == 200
        with pytest.raises(TimeoutError):
            await wire.send("GET", f"{server.url}/slow", [], b"", 0.05)
        assert (await _whole(await wire.send("GET", f"{server.url}/own", [], b"", 5)))[1].startswith(b"GET /own")


async def test_a_caller_who_goes_away_takes_the_connection_along() -> None:
    async def answering(head: bytes, writer: Writer) -> None:
        await asyncio.sleep(0.1 if head.startswith(b"GET /slow") else 0)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(head), head))

    async with serving(answering) as (server, wire):
        asking = asyncio.create_task(wire.send("GET", f"{server.url}/slow", [], b"", 5))
        await asyncio.sleep(0.03)
        asking.cancel()
        assert (await _whole(await wire.send("GET", f"{server.url}/own", [], b"", 5)))[1].startswith(b"GET /own")
        assert server.connections == 2


async def test_bytes_that_nobody_asked_for_are_nobodys_answer() -> None:
    async with serving(always(WELL + b'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"evil"')) as (server, wire):
        for _ in range(2):
            assert await _whole(await wire.send("GET", f"{server.url}/", [], b"", 5)) == (200, b"{}")
        assert server.connections == 2


async def test_nobody_there_is_a_refusal() -> None:
    async with serving(always(WELL)) as (server, _):
        url = server.url
    with pytest.raises(ConnectionRefusedError):
        await NetworkWire().send("GET", f"{url}/", [], b"", 5)


async def test_a_line_ending_in_a_header_is_never_sent() -> None:
    async with serving(always(WELL)) as (server, wire):
        with pytest.raises(ValueError, match="header"):
            await wire.send("GET", f"{server.url}/", [(b"accept", b"a\r\nauthorization: b")], b"", 5)
        assert server.asked == []


async def test_a_length_without_a_body_is_not_passed_on() -> None:
    async with serving(always(WELL)) as (server, wire):
        await wire.send("GET", f"{server.url}/", [(b"content-length", b"5")], b"", 5)
        assert b"content-length" not in server.asked[0]
