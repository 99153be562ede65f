"""Facts from one service to another: none lost, none applied twice, none out of order."""

import asyncio
from dataclasses import replace

from telling import (
    IMPATIENT,
    NOW,
    PATIENT,
    consumer,
    count,
    created,
    event,
    eventually,
    notebook,
    parked,
    running,
    tell,
)

from bedside.events import Event, Fact, Feed, NeededUnavailable, Reaction, Relay, Transport, Unit
from bedside.events.catalog import PatientMerged, ResourceCreated
from bedside.events.envelope import envelope
from bedside.events.feed import LocalFeeds
from bedside.events.transport import Outgoing


def outgoing(event: Event, position: int = 1) -> Outgoing:
    return Outgoing(position, 1, event.id, event.owner, event.routing_key, event.body)


async def deliver(transport: Transport, *events: Event) -> None:
    for number, one in enumerate(events, 1):
        assert await transport.publish([outgoing(one, number)]) == {number}


async def test_a_fact_told_is_heard(world, new_database, new_transport):
    patients, reader = await new_database(), await new_database()
    book = await notebook(reader)
    hearing = consumer(reader, new_transport(), book.reaction())
    await new_transport().declare(hearing.queues)
    async with running(Relay(patients, new_transport(), "/patients").run, hearing.run):
        await tell(patients, created("Practitioner/x"), created("Practitioner/y"))
        await tell(patients, created("Practitioner/x", 2))
        await eventually(book.heard, [("Practitioner/x", 1), ("Practitioner/y", 1), ("Practitioner/x", 2)])
        await eventually(lambda: count(patients, "outbox WHERE published_at IS NULL"), 0)


async def test_what_a_reaction_tells_is_told_with_its_effect(world, database, transport):
    async def and_tell(heard: Event, unit: Unit) -> None:
        unit.tell(created("Task/t1"))

    book = await notebook(database, and_tell)
    hearing = consumer(database, transport, book.reaction())
    await transport.declare(hearing.queues)
    cause = event()
    async with running(hearing.run):
        await deliver(transport, cause)
        await eventually(lambda: count(database, "outbox"), 1)
    row = await database.fetch_row("SELECT body FROM outbox")
    told = Event.parse(bytes(row[0]))
    assert (told.source, told.subject, told.causation_id) == ("/reader", "Task/t1", cause.id)
    assert told.correlation_id == cause.correlation_id


async def test_an_event_delivered_thrice_is_applied_once(world, database, transport):
    book = await notebook(database)
    hearing = consumer(database, transport, book.reaction())
    await transport.declare(hearing.queues)
    first, second = event(sequence=1), event(sequence=2)
    async with running(hearing.run):
        await deliver(transport, first, first, first, second, first, second)
        await eventually(book.heard, [("Practitioner/x", 1), ("Practitioner/x", 2)])
        await asyncio.sleep(0.1)
    assert await book.heard() == [("Practitioner/x", 1), ("Practitioner/x", 2)]


async def test_order_3_1_2_is_applied_1_2_3(world, database, transport):
    book = await notebook(database)
    hearing = consumer(database, transport, book.reaction())
    await transport.declare(hearing.queues)
    async with running(hearing.run):
        await deliver(transport, event(sequence=3), event(sequence=1), event(sequence=2))
        await eventually(lambda: book.heard_of("Practitioner/x"), [1, 2, 3])
    assert await parked(database) == []


async def test_order_3_1_2_across_batches_is_applied_1_2_3(world, database, transport):
    book = await notebook(database)
    hearing = consumer(database, transport, book.reaction())
    await transport.declare(hearing.queues)
    async with running(hearing.run):
        await deliver(transport, event(sequence=3))
        await eventually(lambda: parked(database), [("resource:Practitioner/x", 3, "gap")])
        await deliver(transport, event(sequence=1))
        await eventually(lambda: book.heard_of("Practitioner/x"), [1])
        await deliver(transport, event(sequence=2))
        await eventually(lambda: book.heard_of("Practitioner/x"), [1, 2, 3])


async def test_a_failing_event_holds_back_its_own_subject_only_and_drains_in_order(world, database, transport):
    broken = {"Practitioner/poison"}

    async def refuse(heard: Event, unit: Unit) -> None:
        if heard.subject in broken:
            raise ValueError("cannot be done yet")

    book = await notebook(database, refuse)
    hearing = consumer(database, transport, book.reaction())
    await transport.declare(hearing.queues)
    async with running(hearing.run):
        poisoned = [event("Practitioner/poison", sequence) for sequence in (1, 2, 3)]
        await deliver(transport, *poisoned, event("Practitioner/x", 1), event("Practitioner/x", 2))
        await eventually(book.heard, [("Practitioner/x", 1), ("Practitioner/x", 2)])
        assert [(sequence, reason) for _, sequence, reason in await parked(database)] == [
            (1, "failed"),
            (2, "behind"),
            (3, "behind"),
        ]
        broken.clear()
        await eventually(lambda: book.heard_of("Practitioner/poison"), [1, 2, 3])
    assert await parked(database) == []


async def test_an_event_that_keeps_failing_is_stuck_after_its_last_attempt(world, database, transport):
    async def refuse(heard: Event, unit: Unit) -> None:
        raise ValueError("Müller, Anna")

    book = await notebook(database, refuse)
    patience = replace(IMPATIENT, attempts_max=3, retry_first_s=0.01)
    hearing = consumer(database, transport, book.reaction(), patience=patience)
    await transport.declare(hearing.queues)

    async def attempts() -> list[tuple[int, str]]:
        return [tuple(row) for row in await database.fetch("SELECT attempts, error FROM parked")]

    async with running(hearing.run):
        await deliver(transport, event())
        await eventually(attempts, [(3, "ValueError")])
        await asyncio.sleep(0.2)
        assert await attempts() == [(3, "ValueError")]


async def test_a_service_away_neither_parks_nor_loses_an_event(world, database, transport):
    away = True

    async def needs_another(heard: Event, unit: Unit) -> None:
        if away:
            raise NeededUnavailable

    book = await notebook(database, needs_another)
    hearing = consumer(database, transport, book.reaction())
    await transport.declare(hearing.queues)
    async with running(hearing.run):
        await deliver(transport, event())
        await asyncio.sleep(0.3)
        assert await parked(database) == []
        assert await book.heard() == []
        away = False
        await eventually(book.heard, [("Practitioner/x", 1)])


async def test_a_reaction_is_given_what_it_prepared(world, database, transport):
    got = []

    async def prepare(heard: Event) -> str:
        return f"read of {heard.subject}"

    async def handle(heard: Event, unit: Unit) -> None:
        got.append(unit.prepared)
        if len(got) < 4:
            raise ValueError

    hearing = consumer(database, transport, Reaction("note", (ResourceCreated,), handle, prepare))
    await transport.declare(hearing.queues)
    async with running(hearing.run):
        await deliver(transport, event())

        async def gotten() -> list[str]:
            return got

        await eventually(gotten, ["read of Practitioner/x"] * 4)


async def test_a_reaction_that_fails_does_not_hold_up_another(world, database, transport):
    async def fail(heard: Event, unit: Unit) -> None:
        raise ValueError

    book = await notebook(database)
    hearing = consumer(database, transport, [book.reaction(), Reaction("second", (ResourceCreated,), fail)])
    await transport.declare(hearing.queues)
    async with running(hearing.run):
        await deliver(transport, event(sequence=1), event(sequence=2))
        await eventually(lambda: book.heard_of("Practitioner/x"), [1, 2])


async def test_an_unknown_major_version_parks_until_the_upgrade(world, database, transport):
    book = await notebook(database)
    hearing = consumer(database, transport, book.reaction())
    await transport.declare(hearing.queues)
    newer = Event.parse(
        event("Patient/p7", fact=Fact(PatientMerged(survivor="Patient/p2"), "Patient/p7")).body.replace(
            b"merged.v1", b"merged.v2"
        )
    )
    async with running(hearing.run):
        await deliver(transport, newer, event())
        await eventually(book.heard, [("Practitioner/x", 1)])
        assert await parked(database) == [("patient:Patient/p7", 1, "unknown-schema")]


async def test_a_newer_minor_version_is_read(world, database, transport):
    book = await notebook(database)
    hearing = consumer(database, transport, book.reaction())
    await transport.declare(hearing.queues)
    newer = Event.parse(event().body.replace(b'"data":{', b'"data":{"later":true'))
    async with running(hearing.run):
        await deliver(transport, newer)
        await eventually(book.heard, [("Practitioner/x", 1)])


async def test_an_event_told_through_anothers_exchange_is_refused(world, database, transport):
    book = await notebook(database)
    hearing = consumer(database, transport, book.reaction())
    await transport.declare(hearing.queues)
    forged = event("Patient/p1", fact=Fact(PatientMerged(survivor="Patient/p2"), "Patient/p1"))
    async with running(hearing.run):
        assert await transport.publish([replace(outgoing(forged), owner="encounters")])
        await deliver(transport, event(source="/patients"))
        await eventually(book.heard, [("Practitioner/x", 1)])


async def test_what_is_no_event_goes_to_the_dead_letters_and_the_rest_goes_on(world, database, transport):
    book = await notebook(database)
    hearing = consumer(database, transport, book.reaction())
    await transport.declare(hearing.queues)
    bad = [b"not json", b'"text"', b"[]", b"\xff\xfe", b"{}", b"[" * 5000, b"x" * 100_000]
    async with running(hearing.run):
        for body in bad:
            assert await transport.publish([replace(outgoing(event()), body=body)])
        await deliver(transport, event())
        await eventually(book.heard, [("Practitioner/x", 1)])


async def test_the_same_id_with_another_body_is_refused(world, database, transport):
    book = await notebook(database)
    hearing = consumer(database, transport, book.reaction())
    await transport.declare(hearing.queues)
    first = event("Practitioner/x", 1)
    impostor = Event.parse(
        envelope(
            created("Practitioner/y", 1), source="/patients", event_id=first.id, sequence=1, now=NOW, correlation_id="c"
        )
    )
    async with running(hearing.run):
        await deliver(transport, first)
        await eventually(book.heard, [("Practitioner/x", 1)])
        await deliver(transport, impostor, event("Practitioner/z"))
        await eventually(book.heard, [("Practitioner/x", 1), ("Practitioner/z", 1)])


async def test_a_missing_event_is_fetched_from_the_feed(world, new_database, transport):
    patients, reader = await new_database(), await new_database()
    book = await notebook(reader)
    feeds = LocalFeeds({"patients": Feed(patients), "encounters": Feed(reader)})
    hearing = consumer(reader, transport, book.reaction(), feeds=feeds, patience=replace(IMPATIENT, sweep_every_s=3600))
    await transport.declare(hearing.queues)
    async with running(hearing.run):
        await asyncio.sleep(0.2)
        await tell(patients, *(created("Practitioner/x", version) for version in (1, 2, 3)))
        await Relay(patients, transport, "/patients").number()
        rows = await patients.fetch("SELECT body FROM outbox ORDER BY seq")
        await deliver(transport, Event.parse(bytes(rows[0][0])), Event.parse(bytes(rows[2][0])))
        await eventually(lambda: book.heard_of("Practitioner/x"), [1, 2, 3])


async def test_a_lost_last_event_is_found_by_the_sweep(world, new_database, transport):
    patients, reader = await new_database(), await new_database()
    book = await notebook(reader)
    feeds = LocalFeeds({"patients": Feed(patients), "encounters": Feed(reader)})
    hearing = consumer(reader, transport, book.reaction(), feeds=feeds)
    await transport.declare(hearing.queues)
    async with running(hearing.run):
        await tell(patients, created("Practitioner/x"))
        await Relay(patients, transport, "/patients").number()
        await eventually(book.heard, [("Practitioner/x", 1)])


async def test_a_stream_whose_beginning_is_retained_no_longer_starts_where_it_can(world, new_database, transport):
    patients, reader = await new_database(), await new_database()
    book = await notebook(reader)
    feeds = LocalFeeds({"patients": Feed(patients), "encounters": Feed(reader)})
    await tell(patients, *(created("Practitioner/x", version) for version in (1, 2, 3)))
    await Relay(patients, transport, "/patients").number()
    async with patients.transaction() as connection:
        await connection.execute("DELETE FROM outbox WHERE sequence < 3")
    hearing = consumer(reader, transport, book.reaction(), feeds=feeds)
    await transport.declare(hearing.queues)
    async with running(hearing.run):
        await eventually(lambda: book.heard_of("Practitioner/x"), [3])


async def test_facts_without_a_reaction_just_advance_the_place(world, database, transport):
    book = await notebook(database)
    reaction = replace(book.reaction(), events=(ResourceCreated,))
    hearing = consumer(database, transport, reaction)
    await transport.declare(hearing.queues)
    deleted = Event.parse(event(sequence=2).body.replace(b"resource.created", b"resource.deleted"))
    async with running(hearing.run):
        await deliver(transport, event(sequence=1), deleted, event(sequence=3))
        await eventually(lambda: book.heard_of("Practitioner/x"), [1, 3])


async def test_an_append_during_relaying_is_not_lost(world, new_database, new_transport):
    patients, reader = await new_database(), await new_database()
    book = await notebook(reader)
    hearing = consumer(reader, new_transport(), book.reaction(), patience=PATIENT)
    await new_transport().declare(hearing.queues)
    relays = [Relay(patients, new_transport(), "/patients") for _ in range(2)]

    async def write(writer: int) -> None:
        for version in range(1, 11):
            await tell(patients, created(f"Practitioner/{writer}", version), created("Practitioner/all"))

    async with running(*(relay.run for relay in relays), hearing.run):
        await asyncio.gather(*map(write, range(5)))
        await eventually(lambda: count(reader, "note"), 100, within_s=15)
        assert await book.heard_of("Practitioner/all") == list(range(1, 51))
        for writer in range(5):
            assert await book.heard_of(f"Practitioner/{writer}") == list(range(1, 11))
    rows = await patients.fetch("SELECT position FROM outbox ORDER BY position")
    assert [row[0] for row in rows] == list(range(1, 101))
    assert await parked(reader) == []
