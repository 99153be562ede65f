"""A closed-loop HTTP/1.1 client that costs little beside the server it measures."""

import asyncio
import itertools
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_TICKS_PER_S = 100


@dataclass(frozen=True)
class Measured:
    """One round against one target."""

    requests: int
    seconds: float
    cpu_seconds: float
    latencies_ms: tuple[float, ...]

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_us(self) -> float:
        """Processor time of the servers for one request, in microseconds."""
        return self.cpu_seconds / self.requests * 1e6

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

    @property
    def p50_ms(self) -> float:
        return self.percentile_ms(0.5)


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time spent so far by these processes (Linux)."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS_PER_S


@dataclass(frozen=True)
class Sent:
    """One request as it goes over the wire."""

    host: str
    port: int
    text: bytes

    @classmethod
    def get(cls, url: str, headers: Mapping[str, str]) -> "Sent":
        return cls._made("GET", url, headers, b"")

    @classmethod
    def post(cls, url: str, headers: Mapping[str, str], body: bytes) -> "Sent":
        return cls._made("POST", url, {**headers, "Content-Length": str(len(body))}, body)

    @classmethod
    def _made(cls, method: str, url: str, headers: Mapping[str, str], body: bytes) -> "Sent":
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return cls(str(parts.hostname), int(parts.port or 80), ("\r\n".join(lines) + "\r\n\r\n").encode() + body)


async def measure(
    sent: Sequence[Sent], *, seconds: float, connections: int, pids: Iterable[int] = (), at_most: int | None = None
) -> Measured:
    """Sends the requests in turn, round and round, over keep-alive connections, for `seconds` or `at_most` times.

    Any status but a success ends the run.
    """
    pids = tuple(pids)
    latencies: list[float] = []
    waiting = itertools.islice(itertools.cycle(sent), at_most)
    deadline = time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection(sent[0].host, sent[0].port, limit=2**20)
        for request in waiting:
            if (begun := time.perf_counter()) >= deadline:
                break
            writer.write(request.text)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 2"):
                asked = request.text.partition(b"\r\n")[0]
                raise RuntimeError(f"{asked!r} was answered with {head.splitlines()[0]!r}")
            await _body(reader, head)
            latencies.append((time.perf_counter() - begun) * 1000)
        writer.close()

    before, begun = cpu_seconds(pids), time.perf_counter()
    await asyncio.gather(*(client() for _ in range(connections)))
    elapsed = time.perf_counter() - begun
    return Measured(len(latencies), elapsed, cpu_seconds(pids) - before, tuple(latencies))


async def _body(reader: asyncio.StreamReader, head: bytes) -> None:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            await reader.readexactly(int(value))
            return
    raise RuntimeError("an answer without Content-Length cannot be measured here")


def ratios(above: Sequence[Measured], below: Sequence[Measured], *, by: str) -> "Spread":
    """Of each round: median, least, greatest. `by` names the figure: `per_second` or `p50_ms`."""
    found = sorted(getattr(a, by) / getattr(b, by) for a, b in zip(above, below, strict=True))
    return statistics.median(found), found[0], found[-1]


Spread = tuple[float, float, float]


def verdict(name: str, found: Spread, *, least: float | None = None, most: float | None = None) -> str:
    """One line for one limit: the ratio, its spread, what is wanted, and whether it is missed."""
    median, low, high = found
    wanted = f"at least {least}" if least is not None else f"at most {most}"
    missed = (least is not None and median < least) or (most is not None and median > most)
    return f"{name:34}{median:8.2f} ({low:.2f} to {high:.2f}), wanted {wanted}: {'MISSED' if missed else 'met'}"
