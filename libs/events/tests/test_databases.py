"""What the store, the outbox and the inbox rely on, of both databases."""

import asyncio
import sqlite3
from contextlib import suppress

import pytest
from wire import wired

from bedside.events.database import Busy, Database, Unavailable, open_database, sqlite
from conftest import server_url


@pytest.fixture
async def database(new_url):
    database = await open_database(await new_url())
    async with database.transaction() as connection:
        await connection.execute("CREATE TABLE thing(id bigint PRIMARY KEY, name text)")
    yield database
    await database.close()


async def names(database: Database) -> list[str]:
    return [row[0] for row in await database.fetch("SELECT name FROM thing ORDER BY id")]


async def insert(database: Database, id: int, name: str) -> None:
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO thing VALUES ($1, $2)", id, name)


async def test_a_transaction_commits_at_its_end(dialect, database):
    await insert(database, 1, "a")
    assert await names(database) == ["a"]


async def test_a_transaction_whose_body_raises_leaves_nothing(dialect, database):
    async def write() -> None:
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO thing VALUES (1, 'a')")
            raise KeyError

    with pytest.raises(KeyError):
        await write()
    assert await names(database) == []


async def test_a_savepoint_is_rolled_back_alone(dialect, database):
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO thing VALUES (1, 'a')")
        with suppress(KeyError):
            async with connection.savepoint():
                await connection.execute("INSERT INTO thing VALUES (2, 'b')")
                raise KeyError
        await connection.execute("INSERT INTO thing VALUES (3, 'c')")
    assert await names(database) == ["a", "c"]


async def test_a_failed_statement_in_a_savepoint_leaves_the_transaction_usable(dialect, database):
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO thing VALUES (1, 'a')")
        with pytest.raises(Exception, match=r"(?i)unique"):
            async with connection.savepoint():
                await connection.execute("INSERT INTO thing VALUES (1, 'again')")
        await connection.execute("INSERT INTO thing VALUES (2, 'b')")
    assert await names(database) == ["a", "b"]


async def test_statements_say_how_many_rows_they_changed(dialect, database):
    await insert(database, 1, "a")
    await insert(database, 2, "b")
    async with database.transaction() as connection:
        assert await connection.execute("UPDATE thing SET name = $1", "z") == 2
        assert await connection.execute("DELETE FROM thing WHERE id = $1", 7) == 0


async def test_rows_are_inserted_in_bulk(dialect, database):
    async with database.transaction() as connection:
        await connection.insert_rows("thing", ("id", "name"), [(1, "a"), (2, None)])
        await connection.insert_rows("thing", ("id", "name"), [])
    assert await names(database) == ["a", None]


async def test_a_snapshot_does_not_see_later_commits(dialect, database):
    await insert(database, 1, "a")
    async with database.snapshot() as reader:
        assert (await reader.fetch_row("SELECT count(*) FROM thing"))[0] == 1
        await insert(database, 2, "b")
        assert (await reader.fetch_row("SELECT count(*) FROM thing"))[0] == 1
    assert await names(database) == ["a", "b"]


async def test_many_transactions_at_once_all_commit(dialect, database):
    await asyncio.gather(*(insert(database, number, str(number)) for number in range(40)))
    assert len(await names(database)) == 40


@pytest.mark.parametrize("pause_s", [0, 0.0001, 0.0005, 0.001, 0.002, 0.005, 0.02])
async def test_a_cancelled_transaction_is_wholly_done_or_wholly_undone_and_leaves_none_open(dialect, database, pause_s):
    async def write() -> None:
        async with database.transaction() as connection:
            for number in range(5):
                await connection.execute("INSERT INTO thing VALUES ($1, 'x')", number)

    task = asyncio.ensure_future(write())
    await asyncio.sleep(pause_s)
    task.cancel()
    await asyncio.wait([task])
    assert len(await names(database)) in (0, 5)
    await asyncio.wait_for(insert(database, 100, "after"), 5)
    assert (await names(database))[-1] == "after"


async def test_what_a_body_raises_is_its_own(dialect, database):
    with pytest.raises(TimeoutError):
        async with database.transaction():
            raise TimeoutError


async def test_a_signal_is_given_by_a_commit(dialect, database):
    async with database.listen("things") as signal:
        await signal.wait(0.05)
        waiting = asyncio.ensure_future(signal.wait(10))
        async with database.transaction() as connection:
            if dialect == "postgresql":
                await connection.fetch("SELECT pg_notify('things', '')")
            else:
                await connection.execute("INSERT INTO thing VALUES (1, 'a')")
        await asyncio.wait_for(waiting, 1)


async def test_a_cancellation_that_comes_together_with_a_signal_is_not_swallowed(dialect, database):
    async with database.listen("things") as signal:

        async def keep_waiting() -> None:
            while True:
                await signal.wait(10)

        waiting = asyncio.ensure_future(keep_waiting())
        await asyncio.sleep(0.05)
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO thing VALUES (1, 'a')")
        if dialect == "postgresql":
            signal._heard.set()
        # One turn of the loop: what waits inside has heard, what waits around it may not have.
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting], timeout=1)
        assert waiting.cancelled()


async def test_another_process_that_holds_the_file_means_busy(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "_BUSY_TIMEOUT_S", 0.05)
    database = await open_database(f"sqlite:///{tmp_path}/one.db")
    other = sqlite3.connect(tmp_path / "one.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy):
        async with database.transaction():
            pass
    other.execute("ROLLBACK")
    other.close()
    async with database.transaction():
        pass
    await database.close()


async def test_a_file_that_cannot_be_opened_means_unavailable(tmp_path):
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(Unavailable):
        await open_database(f"sqlite:///{tmp_path}/folder.db")


@pytest.mark.servers
@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_a_lost_serialization_means_busy(dialect, database):
    await insert(database, 1, "a")

    async def read_then_write(id: int, both_have_read: asyncio.Barrier) -> None:
        async with database.transaction() as connection:
            await connection.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            await connection.fetch("SELECT * FROM thing")
            await both_have_read.wait()
            await connection.execute("INSERT INTO thing VALUES ($1, 'x')", id)

    barrier = asyncio.Barrier(2)
    outcomes = await asyncio.gather(*(read_then_write(id, barrier) for id in (2, 3)), return_exceptions=True)
    assert sorted(type(outcome) for outcome in outcomes if outcome) == [Busy]


@pytest.mark.servers
@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_a_deadlock_means_busy_for_one(dialect, database):
    await insert(database, 1, "a")
    await insert(database, 2, "b")

    async def lock(first: int, second: int, barrier: asyncio.Barrier) -> None:
        async with database.transaction() as connection:
            await connection.execute("UPDATE thing SET name = 'x' WHERE id = $1", first)
            await barrier.wait()
            await connection.execute("UPDATE thing SET name = 'x' WHERE id = $1", second)

    barrier = asyncio.Barrier(2)
    outcomes = await asyncio.gather(lock(1, 2, barrier), lock(2, 1, barrier), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome] == [Busy]


@pytest.mark.servers
async def test_a_server_that_is_down_means_unavailable_until_it_is_up():
    async with wired(server_url("BEDSIDE_TEST_DATABASE_URL")) as wire:
        database = await open_database(wire.url)
        assert tuple(await database.fetch_row("SELECT 1")) == (1,)
        await wire.down()
        with pytest.raises(Unavailable):
            await database.fetch_row("SELECT 1")
        with pytest.raises(Unavailable):
            async with database.transaction():
                pass
        await wire.up()
        assert tuple(await database.fetch_row("SELECT 1")) == (1,)
        await database.close()


@pytest.mark.servers
async def test_a_connection_lost_within_a_transaction_means_unavailable():
    async with wired(server_url("BEDSIDE_TEST_DATABASE_URL")) as wire:
        database = await open_database(wire.url)

        async def read_across_the_cut() -> None:
            async with database.transaction() as connection:
                await connection.fetch("SELECT 1")
                wire.cut()
                await asyncio.sleep(0.05)
                await connection.fetch("SELECT 1")

        with pytest.raises(Unavailable):
            await read_across_the_cut()
        assert tuple(await database.fetch_row("SELECT 1")) == (1,)
        await database.close()


@pytest.mark.servers
async def test_opening_a_server_that_is_not_there_means_unavailable(unused_tcp_port):
    with pytest.raises(Unavailable):
        await open_database(f"postgresql://postgres@127.0.0.1:{unused_tcp_port}/postgres")
