"""The task that turns the keys over. Every process of auth runs it; of two at once the database lets one."""

import asyncio

import structlog
from anyio import to_thread
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bedside.auth.authority import Authority
from bedside.auth.keys.rotation import turn

INTERVAL_S = 60.0
log = structlog.get_logger("bedside.auth.keys")


async def keep_turning(authority: Authority) -> None:
    while True:
        try:
            await to_thread.run_sync(turn, authority)
        except (OperationalError, PoolTimeout) as error:
            log.warning("keys cannot be looked at", error=type(error).__name__)
        await asyncio.sleep(INTERVAL_S)
