"""Connections lent again as they are: never one on which something is still under way."""

import asyncio
import os

import pytest

from bedside.events.database import Unavailable, open_database

pytestmark = pytest.mark.servers


async def _number(database) -> int:
    return (await database.fetch_row("SELECT pg_backend_pid()"))[0]


async def test_a_connection_is_lent_again_after_success_and_after_a_refused_statement():
    database = await open_database(os.environ["BEDSIDE_TEST_DATABASE_URL"], connections_max=1)
    first = await _number(database)
    with pytest.raises(Exception, match="nowhere"):
        await database.fetch("SELECT 1 FROM nowhere")
    assert await _number(database) == first
    await database.close()


async def test_a_connection_is_lent_again_after_a_body_that_raised_and_nothing_of_it_is_left():
    database = await open_database(os.environ["BEDSIDE_TEST_DATABASE_URL"], connections_max=1)
    first = await _number(database)

    async def sets_and_locks() -> None:
        async with database.transaction() as connection:
            await connection.execute("SET LOCAL statement_timeout = 12345")
            await connection.execute("SELECT pg_advisory_xact_lock(12345)")
            raise KeyError

    with pytest.raises(KeyError):
        await sets_and_locks()
    assert await _number(database) == first
    assert (await database.fetch_row("SHOW statement_timeout"))[0] == "0"
    assert (await database.fetch_row("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 12345"))[
        0
    ] == 0
    await database.close()


@pytest.mark.parametrize("within_transaction", [False, True])
async def test_a_connection_whose_borrower_was_cancelled_is_not_lent_again(within_transaction):
    database = await open_database(os.environ["BEDSIDE_TEST_DATABASE_URL"], connections_max=1)
    first = await _number(database)

    async def asks() -> None:
        if within_transaction:
            async with database.transaction() as connection:
                await connection.fetch("SELECT pg_sleep(30)")
        else:
            await database.fetch("SELECT pg_sleep(30)")

    asking = asyncio.create_task(asks())
    await asyncio.sleep(0.1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await _number(database) != first
    await database.close()


async def test_no_more_connections_are_made_than_were_agreed_and_everyone_gets_a_turn():
    database = await open_database(os.environ["BEDSIDE_TEST_DATABASE_URL"], connections_max=3)
    async with asyncio.timeout(10):
        numbers = await asyncio.gather(*(_number(database) for _ in range(60)))
    assert len(set(numbers)) <= 3
    await database.close()


async def test_who_waits_longer_than_the_limit_is_told_that_the_database_is_not_available(monkeypatch):
    monkeypatch.setattr("bedside.events.database.lending.WAIT_MAX_S", 0.05)
    database = await open_database(os.environ["BEDSIDE_TEST_DATABASE_URL"], connections_max=1)
    async with database.transaction():
        with pytest.raises(Unavailable):
            await database.fetch_row("SELECT 1")
    assert (await database.fetch_row("SELECT 1"))[0] == 1
    await database.close()


async def test_a_connection_that_the_server_ended_is_replaced():
    database = await open_database(os.environ["BEDSIDE_TEST_DATABASE_URL"], connections_max=2)
    async with database.transaction() as connection:
        [lent] = await connection.fetch("SELECT pg_backend_pid()")
        await database.fetch("SELECT 1")
    await database.fetch("SELECT pg_terminate_backend($1) WHERE $1 <> pg_backend_pid()", lent[0])
    await asyncio.sleep(0.1)
    assert (await database.fetch_row("SELECT 1"))[0] == 1
    await database.close()
