"""A closed-loop HTTP/1.1 client that costs little beside the server it measures."""

import asyncio
import time
from collections.abc import Mapping
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


def cpu_seconds(pids: tuple[int, ...]) -> float:
    """User and system time spent so far by these processes (Linux)."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS_PER_S


async def measure(
    url: str, *, headers: Mapping[str, str], seconds: float, connections: int, pids: tuple[int, ...] = ()
) -> Measured:
    """GETs `url` over keep-alive connections for `seconds`; any status but 200 ends the run."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: {parts.netloc}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    latencies: list[float] = []
    deadline = time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while (begun := time.perf_counter()) < deadline:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"{url} answered {head.splitlines()[0]!r}")
            await reader.readexactly(_content_length(head))
            latencies.append((time.perf_counter() - begun) * 1000)
        writer.close()

    before, begun = cpu_seconds(pids), time.perf_counter()
    await asyncio.gather(*(client() for _ in range(connections)))
    elapsed = time.perf_counter() - begun
    return Measured(len(latencies), elapsed, cpu_seconds(pids) - before, tuple(latencies))


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError("an answer without Content-Length cannot be measured here")
