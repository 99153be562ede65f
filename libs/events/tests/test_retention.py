"""What is forgotten, and what never is."""

from telling import count, created, tell

from bedside.events.retention import Retention

A_MONTH_AND_A_DAY_US = 31 * 24 * 3600 * 1_000_000


async def test_old_published_facts_are_forgotten_and_their_numbers_are_not(dialect, database):
    await tell(database, created("Practitioner/x", 1), created("Practitioner/x", 2), created("Practitioner/x", 3))
    async with database.transaction() as connection:
        await connection.execute("UPDATE outbox SET published_at = 1 WHERE sequence < 3")
        await connection.execute(
            "UPDATE outbox SET occurred_at = occurred_at - $1 WHERE sequence <> 2", A_MONTH_AND_A_DAY_US
        )
        await connection.execute("INSERT INTO inbox VALUES ('c', '0195f0b0-0000-7000-8000-000000000001', 't', 'd', 1)")
    assert await Retention(database).forget() == 2
    assert [row[0] for row in await database.fetch("SELECT sequence FROM outbox ORDER BY sequence")] == [2, 3]
    assert await count(database, "inbox") == 0
    await tell(database, created("Practitioner/x", 4))
    assert [row[0] for row in await database.fetch("SELECT max(sequence) FROM outbox")] == [4]
