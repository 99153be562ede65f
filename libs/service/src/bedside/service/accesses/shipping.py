"""Takes the journal to auth, in batches, until each is acknowledged."""

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
import structlog
from anyio import to_thread

from bedside.identity import LoginRefused, ServiceLogin, Unreachable
from bedside.service.accesses.journal import Journal

SCOPE = "system/accesses.write"
PATH = "/internal/accesses"
EVERY_S = 0.5
LINES_AT_ONCE = 500
BYTES_AT_ONCE = 4 * 1024 * 1024
_WAIT_MAX_S = 5.0
log = structlog.get_logger("bedside.service.accesses")


class Shipping:
    """`auth` is its address."""

    def __init__(self, journal: Journal, *, auth: str, http: httpx.AsyncClient, login: ServiceLogin) -> None:
        self._journal = journal
        self._auth = auth
        self._http = http
        self._login = login

    async def run(self) -> None:
        """Until cancelled. While auth does not take them they are kept, and tried again more and more slowly."""
        wait = EVERY_S
        while True:
            try:
                await self.ship()
                wait = EVERY_S
            except (httpx.HTTPError, LoginRefused, Unreachable, OSError) as error:
                wait = min(wait * 2, _WAIT_MAX_S)
                log.warning("accesses wait", error=type(error).__name__)
            await asyncio.sleep(wait)

    async def ship(self) -> None:
        """All that was noted until now. Raises what `run` waits for."""
        await to_thread.run_sync(self._journal.seal, self._journal.turn())
        for path in await to_thread.run_sync(self._journal.ready):
            await self._shipped(path)

    async def _shipped(self, path: Path) -> None:
        with self._journal.claimed(path) as lines:
            if lines is None:
                return
            for batch in batches(lines):
                token = await self._login.token(self._auth, SCOPE)
                answer = await self._http.post(
                    f"{self._auth}{PATH}",
                    content=batch,
                    headers={"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"},
                )
                answer.raise_for_status()
            # Auth takes each id once: a batch that is sent again after an interruption is not doubled.
            self._journal.done(path)


def batches(lines: Iterable[bytes]) -> Iterator[bytes]:
    """No more at once than auth takes, by number and by size."""
    batch: list[bytes] = []
    size = 0
    for each in lines:
        if batch and (len(batch) == LINES_AT_ONCE or size + len(each) > BYTES_AT_ONCE):
            yield b"".join(batch)
            batch, size = [], 0
        batch.append(each)
        size += len(each)
    if batch:
        yield b"".join(batch)
