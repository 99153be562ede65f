"""Lends PostgreSQL connections: one that was used without trouble is lent again just as it is.

asyncpg's own pool makes a task for every return and sends a round trip to undo session state; together they cost more
than a read by key. Nothing here outlives its transaction (settings, locks, cursors; LISTEN has a connection of its
own), so there is nothing to undo, and a connection that saw trouble is closed instead of tidied.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

WAIT_MAX_S = 30.0


class Lending:
    """At most `connections_max` connections, made by `connect`, each lent to one borrower at a time."""

    def __init__(self, connect: Callable[[], Awaitable[Any]], *, connections_max: int) -> None:
        self._connect = connect
        self._places = asyncio.Semaphore(connections_max)
        self._idle: deque[Any] = deque()
        self._is_closed = False

    async def take(self) -> Any:
        """To be followed by `give` after success, by `give_after` after anything else.

        TimeoutError when none is free for half a minute.
        """
        if self._places.locked():
            async with asyncio.timeout(WAIT_MAX_S):
                await self._places.acquire()
        else:
            await self._places.acquire()
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        try:
            return await self._connect()
        except BaseException:
            self._places.release()
            raise

    def give(self, connection: Any) -> None:
        if self._is_closed or connection.is_closed() or connection.is_in_transaction():
            connection.terminate()
        else:
            self._idle.append(connection)
        self._places.release()

    def give_after(self, error: BaseException, connection: Any) -> None:
        """What was cancelled, or timed out, may still be under way: such a connection is not lent again."""
        if isinstance(error, Exception) and not isinstance(error, TimeoutError | OSError):
            self.give(connection)
        else:
            connection.terminate()
            self._places.release()

    async def close(self) -> None:
        """Idle connections now, lent ones when they come back."""
        self._is_closed = True
        while self._idle:
            await self._idle.pop().close(timeout=5)
