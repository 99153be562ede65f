"""Telling facts: exactly if the change commits."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import create_engine
from telling import NOW, count, created, tell

from bedside.events import Cause, Event, Fact, Outbox
from bedside.events.catalog import PatientMerged
from bedside.events.database import Database


async def told(database: Database) -> list[Event]:
    return [Event.parse(bytes(row[0])) for row in await database.fetch("SELECT body FROM outbox ORDER BY seq")]


async def test_a_fact_is_told_when_its_change_commits(dialect: str, database: Database) -> None:
    await tell(database, Fact(PatientMerged(survivor="Patient/p2", changed=("active", "link")), "Patient/p7", 7))
    [event] = await told(database)
    assert (event.source, event.routing_key, event.subject, event.version, event.sequence) == (
        "/patients",
        "patient.merged.v1",
        "Patient/p7",
        7,
        1,
    )
    assert event.read_as(PatientMerged) == PatientMerged(survivor="Patient/p2", changed=("active", "link"))


async def test_a_fact_of_a_change_rolled_back_is_not_told(dialect: str, database: Database) -> None:
    async def change() -> None:
        async with database.transaction() as connection:
            await Outbox("/patients").append(connection, [created("Patient/p1")], now=NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await change()
    assert await count(database, "outbox") == 0
    assert await count(database, "told") == 0


async def test_each_stream_is_numbered_without_gaps(dialect: str, database: Database) -> None:
    merged = Fact(PatientMerged(survivor="Patient/p2"), "Patient/p1", 2)
    await tell(database, created("Patient/p1", 1), merged, created("Patient/p1", 3), created("Patient/p2"))
    await tell(database, created("Patient/p1", 4))
    assert [(event.stream, event.sequence) for event in await told(database)] == [
        ("resource:Patient/p1", 1),
        ("patient:Patient/p1", 1),
        ("resource:Patient/p1", 2),
        ("resource:Patient/p2", 1),
        ("resource:Patient/p1", 3),
    ]


async def test_writers_of_the_same_subjects_neither_deadlock_nor_share_a_number(
    dialect: str, database: Database
) -> None:
    subjects = [f"Practitioner/{n}" for n in range(5)]

    async def write(turned: bool) -> None:
        for _ in range(10):
            await tell(database, *map(created, subjects[::-1] if turned else subjects))

    await asyncio.gather(*(write(bool(n % 2)) for n in range(6)))
    rows = await database.fetch("SELECT count(*), max(sequence), count(DISTINCT sequence) FROM outbox GROUP BY stream")
    assert [tuple(row) for row in rows] == [(60, 60, 60)] * 5


async def test_facts_say_what_led_to_them(dialect: str, database: Database) -> None:
    cause = Cause(
        "request-1", "0195f0b0-0000-7000-8000-000000000001", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    )
    async with database.transaction() as connection:
        await Outbox("/patients").append(connection, [created("Patient/p1")], now=NOW, cause=cause)
    [event] = await told(database)
    assert Cause(event.correlation_id, event.causation_id, event.traceparent) == cause


async def test_a_synchronous_session_tells_by_the_same_numbers(dialect: str, database: Database) -> None:
    await tell(database, created("User/u1"))
    engine = create_engine(database.url.replace("postgresql://", "postgresql+psycopg://"))

    def write() -> None:
        with engine.begin() as connection:
            Outbox("/auth").append_sync(connection, [created("User/u1"), created("User/u2")], now=NOW)

    await asyncio.to_thread(write)
    engine.dispose()
    assert [(event.source, event.subject, event.sequence) for event in await told(database)] == [
        ("/patients", "User/u1", 1),
        ("/auth", "User/u1", 2),
        ("/auth", "User/u2", 1),
    ]


async def test_a_synchronous_session_rolled_back_tells_nothing(dialect: str, database: Database) -> None:
    engine = create_engine(database.url.replace("postgresql://", "postgresql+psycopg://"))

    def write() -> Any:
        with engine.connect() as connection:
            Outbox("/auth").append_sync(connection, [created("User/u1")], now=NOW)
            connection.rollback()

    await asyncio.to_thread(write)
    engine.dispose()
    assert await told(database) == []
